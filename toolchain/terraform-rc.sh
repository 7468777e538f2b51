#!/bin/sh
# terraform-rc.sh FILE [--print]: writes Terraform's CLI configuration to FILE. Terraform installs
# the AWS provider from a filesystem mirror where this machine has one, else from the registry.
# Prints which of them when it changes, and with --print.
set -eu

target=$1
print=${2-}
lock=$(dirname "$0")/../.terraform.lock.hcl
version=$(sed -n 's/^ *version *= *"\(.*\)"/\1/p' "$lock")

mirror_of() {
    for provider in "$1"/*/hashicorp/aws/"$version"; do
        [ -d "$provider" ] || continue
        dirname "$(dirname "$(dirname "$(dirname "$provider")")")"
        return
    done
}

mirror=
for folder in "$HOME/.terraform.d/plugins" "${XDG_DATA_HOME:-$HOME/.local/share}/terraform/plugins" \
    /usr/local/share/terraform/plugins /usr/share/terraform/plugins \
    /opt/* /usr/local/share/* /usr/share/terraform*; do
    mirror=$(mirror_of "$folder")
    [ -z "$mirror" ] || break
done

mkdir -p "$(dirname "$target")"
{
    echo 'disable_checkpoint = true'
    [ -z "$mirror" ] || cat <<RC
provider_installation {
  filesystem_mirror {
    path    = "$mirror"
    include = ["hashicorp/aws"]
  }
  direct {
    exclude = ["hashicorp/aws"]
  }
}
RC
} > "$target.$$"
cmp -s "$target.$$" "$target" || print=--print
mv "$target.$$" "$target"
if [ "$print" = --print ]; then
    echo "Terraform installs hashicorp/aws $version from ${mirror:-the registry}"
fi
