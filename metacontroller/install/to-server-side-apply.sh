#!/bin/sh
# Prepares the children for a switch of Metacontroller from dynamic-apply to server-side-apply, while Metacontroller is stopped.
# It makes the fields that Metacontroller has written by updates its applied fields: otherwise they would remain after they are
# removed from a spec. It changes managedFields only, and may be run again. README.md has the whole procedure.
set -eu

kinds=secrets,configmaps,services,serviceaccounts,statefulsets,deployments,poddisruptionbudgets,networkpolicies
written='{{range $object := .items}}{{range $index, $entry := .metadata.managedFields}}{{if and (eq $entry.manager "metacontroller") (eq $entry.operation "Update") (not $entry.subresource)}}{{$object.kind}} {{$object.metadata.namespace}} {{$object.metadata.name}} {{$index}}{{"\n"}}{{end}}{{end}}{{end}}'

kubectl get "$kinds" --all-namespaces --selector app.kubernetes.io/managed-by=meshery-operator --show-managed-fields \
  --output go-template="$written" |
  while read -r kind namespace name index; do
    entry=/metadata/managedFields/$index
    kubectl patch "$kind" "$name" --namespace "$namespace" --type json --patch "[
      {\"op\":\"test\",\"path\":\"$entry/manager\",\"value\":\"metacontroller\"},
      {\"op\":\"replace\",\"path\":\"$entry/operation\",\"value\":\"Apply\"}
    ]" </dev/null
  done
