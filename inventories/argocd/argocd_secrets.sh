#!/bin/sh
# Puts Argo CD's repository credentials into the variable argocd_secrets. Ansible runs it once in a
# run, whatever the number of nodes, and keeps its output in memory. (A lookup in gate_github_apps
# would ask the cluster again for each node.) `ansible-inventory --list` runs it too, and shows the
# Secrets.
set -eu
secrets=$(kubectl --namespace argocd get secrets --output json \
  --selector 'argocd.argoproj.io/secret-type in (repository, repo-creds, repository-write, repo-write-creds)')
printf '{"_meta": {"hostvars": {}}, "all": {"vars": {"argocd_secrets": %s}}}\n' "$secrets"
