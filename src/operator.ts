/** The operator as an object of a cluster: its Deployment, its Service, and what else is named after it. */
export const OPERATOR = { name: 'meshery-operator', namespace: 'meshery' };

/** Labels of what is installed once in a cluster. */
export const OPERATOR_LABELS = {
  'app.kubernetes.io/name': OPERATOR.name,
  'app.kubernetes.io/part-of': 'meshery',
};
