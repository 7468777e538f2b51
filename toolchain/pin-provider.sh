#!/bin/sh
# pin-provider.sh OUTPUT: gives each stack that was synthesized into the folder OUTPUT the project's
# provider lock file. `terraform init` then installs only a provider with the checksum in it.
#
# The lock file has the checksum for linux_amd64. On other platforms Terraform verifies the
# registry's signature, and records the checksum of what it installed.
#
# To change the provider's version, synthesize, and in the folder of any stack run
#   terraform providers lock -platform=linux_amd64
# then copy its .terraform.lock.hcl to the project's folder and review the difference.
set -eu

output=$1
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/toolchain/terraform-rc.sh" "$root/build/terraform.rc" >&2
mirror=$(sed -n 's/^ *path *= *"\(.*\)"/\1/p' "$root/build/terraform.rc")

for stack in "$output"/stacks/*/; do
    if [ "$(uname -s) $(uname -m)" = "Linux x86_64" ]; then
        cp "$root/.terraform.lock.hcl" "$stack"
    fi
    # Where Terraform looks by itself: `cdktf deploy` needs no TF_CLI_CONFIG_FILE for the mirror.
    if [ -n "$mirror" ]; then
        mkdir -p "$stack/terraform.d"
        ln -sfn "$mirror" "$stack/terraform.d/plugins"
    fi
done
