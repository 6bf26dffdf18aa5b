/** The MeshSync version whose lists, names and flags the operator knows. Of another one, it is not known whether they differ. */
export const READ_AS = '1.0.3';

/** Whether a tag, with or without a digest, is of that version. */
export function isReadVersion(tag: string): boolean {
  return tag.split('@')[0] === READ_AS;
}

/**
 * The names that MeshSync 1.0.3 can watch by a watch-list, from its defaults (internal/config/default_config.go). It skips
 * any other name. Some are names of resources that no cluster has, such as `job.v1.batch`. Custom resources are not among
 * them, since MeshSync watches those whatever its list.
 */
export const knownResources: ReadonlySet<string> = new Set([
  'apiservices.v1.apiregistration.k8s.io',
  'binding.v1.',
  'certificatesigningrequest.v1.certificates.k8s.io',
  'clusterrolebinding.v1.rbac.authorization.k8s.io',
  'clusterroles.v1.rbac.authorization.k8s.io',
  'clustertrustbundle.v1alpha1.certificates.k8s.io',
  'componentstatus.v1.',
  'configmaps.v1.',
  'container.v1.core',
  'controllerrevision.v1.apps',
  'cronjobs.v1.batch',
  'csidriver.v1.storage.k8s.io',
  'csinode.v1.storage.k8s.io',
  'csistoragecapacity.v1.storage.k8s.io',
  'customresourcedefinition.v1.apiextensions.k8s.io',
  'daemonsets.v1.apps',
  'deployments.v1.apps',
  'endpoints.v1.',
  'endpointslices.v1.discovery.k8s.io',
  'event.v1.events.k8s.io',
  'flowschema.v1.flowcontrol.apiserver.k8s.io',
  'horizontalpodautoscaler.v2.autoscaling',
  'ingressclass.v1.networking.k8s.io',
  'ingresses.v1.networking.k8s.io',
  'ipaddress.v1alpha1.networking.k8s.io',
  'job.v1.batch',
  'lease.v1.coordination.k8s.io',
  'limitrange.v1.',
  'localsubjectaccessreview.v1.authorization.k8s.io',
  'mutatingwebhookconfiguration.v1.admissionregistration.k8s.io',
  'namespaces.v1.',
  'networkpolicy.v1.networking.k8s.io',
  'node.v1.',
  'nodes.v1.',
  'persistentvolumeclaims.v1.',
  'persistentvolumes.v1.',
  'poddisruptionbudget.v1.policy',
  'pods.v1.',
  'podschedulingcontext.v1alpha2.resource.k8s.io',
  'podtemplate.v1.',
  'priorityclass.v1.scheduling.k8s.io',
  'prioritylevelconfiguration.v1.flowcontrol.apiserver.k8s.io',
  'replicasets.v1.apps',
  'replicationcontrollers.v1.',
  'resourceclaim.v1alpha2.resource.k8s.io',
  'resourceclaimtemplate.v1alpha2.resource.k8s.io',
  'resourceclass.v1alpha2.resource.k8s.io',
  'resourcequota.v1.',
  'role.v1.rbac.authorization.k8s.io',
  'rolebinding.v1.rbac.authorization.k8s.io',
  'runtimeclass.v1.node.k8s.io',
  'secrets.v1.',
  'selfsubjectaccessreview.v1.authorization.k8s.io',
  'selfsubjectreview.v1.authentication.k8s.io',
  'selfsubjectrulesreview.v1.authorization.k8s.io',
  'service.apis',
  'serviceaccount.v1.',
  'servicecidr.v1alpha1.networking.k8s.io',
  'services.v1.',
  'statefulsets.v1.apps',
  'storageclasses.v1.storage.k8s.io',
  'storageversion.v1alpha1.internal.apiserver.k8s.io',
  'subjectaccessreview.v1.authorization.k8s.io',
  'tokenrequest.v1.authentication.k8s.io',
  'tokenreview.v1.authentication.k8s.io',
  'validatingadmissionpolicy.v1beta1.admissionregistration.k8s.io',
  'validatingadmissionpolicybinding.v1beta1.admissionregistration.k8s.io',
  'validatingwebhookconfiguration.v1.admissionregistration.k8s.io',
  'volume.v1.',
  'volumeattachments.v1.storage.k8s.io',
  'volumeattributesclass.v1alpha1.storage.k8s.io',
]);

/**
 * A name among them that MeshSync can't parse: if it is watched, MeshSync stops before it watches anything but custom
 * resources.
 */
export const UNREADABLE_RESOURCE = 'service.apis';
