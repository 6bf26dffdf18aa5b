/** Name and namespace of the operator's Deployment, Service and other objects. */
export const OPERATOR = { name: 'meshery-operator', namespace: 'meshery' };

/** Labels of the objects that are installed once in a cluster. */
export const OPERATOR_LABELS = {
  'app.kubernetes.io/name': OPERATOR.name,
  'app.kubernetes.io/part-of': 'meshery',
};
