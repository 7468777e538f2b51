#!/bin/sh
# Writes Terraform's CLI configuration to the file named: the provider from a filesystem mirror
# where this machine has one, else from the registry, which is Terraform's own way.
set -eu

target=$1
provider_version=$2

mirror_of() {
    for provider in "$1"/*/hashicorp/aws/"$provider_version"; do
        [ -d "$provider" ] || continue
        dirname "$(dirname "$(dirname "$(dirname "$provider")")")"
        return
    done
}

mirror=
for root in "$HOME/.terraform.d/plugins" "${XDG_DATA_HOME:-$HOME/.local/share}/terraform/plugins" \
    /usr/local/share/terraform/plugins /usr/share/terraform/plugins \
    /opt/* /usr/local/share/* /usr/share/terraform*; do
    mirror=$(mirror_of "$root")
    [ -z "$mirror" ] || break
done

mkdir -p "$(dirname "$target")"
if [ -n "$mirror" ]; then
    cat > "$target.$$" <<RC
disable_checkpoint = true
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
else
    echo 'disable_checkpoint = true' > "$target.$$"
fi
mv "$target.$$" "$target"
