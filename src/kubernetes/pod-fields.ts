import { type Static, Type } from '@sinclair/typebox';
import { LABEL_VALUE, NamedStrings, QUALIFIED_NAME, StringEnum } from '../schema/fields.ts';
import { compareQuantities, QUANTITY } from '../schema/quantity.ts';
import { EmptyCounts, withRules } from '../schema/rules.ts';

/** The pod fields that both kinds expose, under the names that Kubernetes gives them. */

/** A quantity of a resource, in the notation of Kubernetes. */
function Quantity(description: string) {
  return Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: QUANTITY, maxLength: 32 })], {
    description,
    'x-kubernetes-int-or-string': true,
  });
}

const SIZE = '[0-9]*[1-9][0-9]*(\\.[0-9]{1,3})?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?';

/** A quantity of bytes, greater than zero. */
export function Size(description: string) {
  return Type.String({ description, pattern: `^${SIZE}$`, maxLength: 20 });
}

/** The same, or empty, which is treated as absent. */
export function OptionalSize(description: string) {
  return Type.Optional(Type.String({ description, pattern: `^(${SIZE})?$`, maxLength: 20 }));
}

const ResourceList = (description: string) =>
  Type.Object(
    {
      cpu: Type.Optional(Quantity('CPU in cores, for example 500m.')),
      memory: Type.Optional(Quantity('Memory in bytes, for example 256Mi.')),
      'ephemeral-storage': Type.Optional(Quantity('Ephemeral storage in bytes, for example 1Gi.')),
    },
    { description },
  );

type ResourceName = 'cpu' | 'memory' | 'ephemeral-storage';

/** `resources` of a container. */
export const Resources = withRules(
  Type.Object(
    {
      requests: Type.Optional(ResourceList('Resources that the scheduler reserves for the container.')),
      limits: Type.Optional(ResourceList('Maximum resources that the container can use.')),
    },
    { description: 'Compute resources of the container. Replaces the default as a whole.' },
  ),
  (['cpu', 'memory', 'ephemeral-storage'] as ResourceName[]).map((name) => {
    const field = name.replace('-', '__dash__');
    return {
      rule: `!has(self.requests) || !has(self.limits) || !has(self.requests.${field}) || !has(self.limits.${field}) || quantity(string(self.requests.${field})).compareTo(quantity(string(self.limits.${field}))) <= 0`,
      message: `must not be more than the limit of ${name}`,
      fieldPath: name.includes('-') ? `.requests['${name}']` : `.requests.${name}`,
      holds: ({ requests, limits }) =>
        compareQuantities(requests?.[name] ?? 0, limits?.[name] ?? Number.MAX_SAFE_INTEGER) <= 0,
    };
  }),
);
export type Resources = Static<typeof Resources>;

/** Repository and pull policy of the image of a container. */
export const Image = Type.Object(
  {
    repository: Type.Optional(
      Type.String({
        description:
          'Repository of the image. One that names no registry is pulled from IMAGE_REGISTRY of the operator, if that is set.',
        maxLength: 255,
        pattern: IMAGE_REPOSITORY(),
      }),
    ),
    pullPolicy: Type.Optional(
      StringEnum(['Always', 'IfNotPresent', 'Never'], {
        description: 'When the image is pulled. Default: Always for latest and *-latest, else IfNotPresent.',
      }),
    ),
  },
  { description: 'Repository and pull policy of the image; its tag is the version.' },
);
export type Image = Static<typeof Image>;

/** From the grammar of image references (github.com/distribution/reference): a host with an optional port, and a path. */
function IMAGE_REPOSITORY(): string {
  const component = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*';
  return `^(([a-zA-Z0-9][-a-zA-Z0-9.]*(:[0-9]+)?/)?${component}(/${component})*)?$`;
}

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

const LabelKey = (description: string) => Type.String({ description, maxLength: 317, pattern: QUALIFIED_NAME });
const LabelValues = Type.Array(
  Type.String({ description: 'A value of the label.', maxLength: 63, pattern: LABEL_VALUE }),
  {
    description: 'Values of the label: at least one for In and NotIn, none otherwise.',
    maxItems: 32,
  },
);

const valuesFit = {
  rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
  message: 'must have values for In and NotIn, and none otherwise',
  fieldPath: '.values',
};

const LabelSelectorRequirement = withRules(
  Type.Object(
    {
      key: LabelKey('Name of the label.'),
      operator: StringEnum(operators, { description: 'Relation of the label to the values.' }),
      values: Type.Optional(LabelValues),
    },
    { description: 'A requirement on one label.' },
  ),
  [
    {
      ...valuesFit,
      holds: ({ operator, values = [] }) => (operator === 'In' || operator === 'NotIn') === values.length > 0,
    },
  ],
);

/** `metav1.LabelSelector`; an empty one selects everything. */
export function LabelSelector(description: string) {
  return Type.Object(
    {
      matchLabels: Type.Optional(LabelMap('Labels that must have these values.')),
      matchExpressions: Type.Optional(
        Type.Array(LabelSelectorRequirement, { description: 'Requirements that must all be met.', maxItems: 16 }),
      ),
    },
    { description, [EmptyCounts]: true },
  );
}

/** A map of labels. */
export function LabelMap(description: string) {
  return NamedStrings({ description }, Type.String({ maxLength: 63, pattern: LABEL_VALUE }));
}

const NodeSelectorRequirement = withRules(
  Type.Object(
    {
      key: LabelKey('Name of the label of the node.'),
      operator: StringEnum([...operators, 'Gt', 'Lt'], { description: 'Relation of the label to the values.' }),
      values: Type.Optional(LabelValues),
    },
    { description: 'A requirement on one label of a node.' },
  ),
  [
    {
      rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : (self.operator in ['Gt', 'Lt'] ? has(self.values) && size(self.values) == 1 && self.values[0].matches('^-?[0-9]+$') : !has(self.values) || size(self.values) == 0)",
      message: 'must have values for In and NotIn, one integer for Gt and Lt, and none otherwise',
      fieldPath: '.values',
      holds: ({ operator, values = [] }) => {
        if (operator === 'Gt' || operator === 'Lt') return values.length === 1 && /^-?[0-9]+$/.test(values[0] ?? '');
        return (operator === 'In' || operator === 'NotIn') === values.length > 0;
      },
    },
  ],
);

const NodeSelectorTerm = (description: string) =>
  Type.Object(
    {
      matchExpressions: Type.Optional(
        Type.Array(NodeSelectorRequirement, { description: 'Requirements that must all be met.', maxItems: 16 }),
      ),
    },
    { description, [EmptyCounts]: true },
  );

const Weight = Type.Integer({
  description: 'Weight among the preferences, from 1 to 100.',
  format: 'int32',
  minimum: 1,
  maximum: 100,
});

const PodAffinityTerm = (description: string) =>
  Type.Object(
    {
      labelSelector: Type.Optional(LabelSelector('The pods that count. Default: none.')),
      namespaceSelector: Type.Optional(LabelSelector('The namespaces of these pods. Default: that of the resource.')),
      namespaces: Type.Optional(
        Type.Array(Type.String({ description: 'A namespace.', maxLength: 63 }), {
          description: 'More namespaces of these pods, by name.',
          maxItems: 16,
        }),
      ),
      topologyKey: LabelKey('Label of nodes: nodes with the same value are one topology domain.'),
    },
    { description },
  );

const podAffinity = (description: string) =>
  Type.Object(
    {
      requiredDuringSchedulingIgnoredDuringExecution: Type.Optional(
        Type.Array(PodAffinityTerm('A requirement.'), {
          description: 'Requirements that must all be met.',
          maxItems: 8,
        }),
      ),
      preferredDuringSchedulingIgnoredDuringExecution: Type.Optional(
        Type.Array(
          Type.Object(
            { weight: Weight, podAffinityTerm: PodAffinityTerm('The preferred term.') },
            { description: 'A preference.' },
          ),
          { description: 'Preferences; the node with the highest sum of weights is preferred.', maxItems: 8 },
        ),
      ),
    },
    { description },
  );

const Affinity = Type.Object(
  {
    nodeAffinity: Type.Optional(
      Type.Object(
        {
          requiredDuringSchedulingIgnoredDuringExecution: Type.Optional(
            Type.Object(
              {
                nodeSelectorTerms: Type.Array(NodeSelectorTerm('Requirements on a node.'), {
                  description: 'Terms, at least one of which must match.',
                  minItems: 1,
                  maxItems: 8,
                }),
              },
              { description: 'Requirements that a node must meet.' },
            ),
          ),
          preferredDuringSchedulingIgnoredDuringExecution: Type.Optional(
            Type.Array(
              Type.Object(
                { weight: Weight, preference: NodeSelectorTerm('The preferred term.') },
                { description: 'A preference.' },
              ),
              { description: 'Preferences; the node with the highest sum of weights is preferred.', maxItems: 8 },
            ),
          ),
        },
        { description: 'Affinity to nodes.' },
      ),
    ),
    podAffinity: Type.Optional(podAffinity('Pods to run near.')),
    podAntiAffinity: Type.Optional(podAffinity('Pods to run away from.')),
  },
  { description: 'Affinity and anti-affinity of the pods.' },
);

const Toleration = withRules(
  Type.Object(
    {
      key: Type.Optional(
        Type.String({
          description: 'Name of the taint. Without one, and with operator Exists, every taint is tolerated.',
          maxLength: 317,
          pattern: `^$|${QUALIFIED_NAME}`,
        }),
      ),
      operator: Type.Optional(
        StringEnum(['Exists', 'Equal'], { description: 'How the taint is compared. Default: Equal.' }),
      ),
      value: Type.Optional(Type.String({ description: 'Value of the taint.', maxLength: 63, pattern: LABEL_VALUE })),
      effect: Type.Optional(
        StringEnum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], {
          description: 'Effect of the taint. Default: all effects.',
        }),
      ),
      tolerationSeconds: Type.Optional(
        Type.Integer({ description: 'How long a NoExecute taint is tolerated, in seconds. Default: forever.' }),
      ),
    },
    { description: 'A taint of nodes that the pods tolerate.' },
  ),
  [
    {
      rule: "(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
      message: 'must be Exists when there is no key',
      fieldPath: '.operator',
      holds: ({ key, operator }) => Boolean(key) || operator === 'Exists',
    },
    {
      rule: "!has(self.value) || self.value == '' || !has(self.operator) || self.operator != 'Exists'",
      message: 'must be empty when the operator is Exists',
      fieldPath: '.value',
      holds: ({ value, operator }) => !value || operator !== 'Exists',
    },
    {
      rule: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
      message: 'is only valid with effect NoExecute',
      fieldPath: '.tolerationSeconds',
      holds: ({ tolerationSeconds, effect }) => tolerationSeconds === undefined || effect === 'NoExecute',
    },
  ],
);

const TopologySpreadConstraint = withRules(
  Type.Object(
    {
      maxSkew: Type.Integer({
        description: 'Maximum difference in the number of pods between topology domains.',
        format: 'int32',
        minimum: 1,
      }),
      topologyKey: LabelKey('Label of nodes: nodes with the same value are one topology domain.'),
      whenUnsatisfiable: StringEnum(['DoNotSchedule', 'ScheduleAnyway'], {
        description: 'What happens to a pod that would violate the constraint.',
      }),
      labelSelector: Type.Optional(LabelSelector('The pods that are counted. Default: those of the resource.')),
      matchLabelKeys: Type.Optional(
        Type.Array(LabelKey('Name of a label.'), {
          description: 'Labels of the pod whose values narrow the selector, for example pod-template-hash.',
          maxItems: 8,
        }),
      ),
      minDomains: Type.Optional(
        Type.Integer({
          description: 'Minimum number of topology domains. Only with DoNotSchedule.',
          format: 'int32',
          minimum: 1,
        }),
      ),
      nodeAffinityPolicy: Type.Optional(
        StringEnum(['Honor', 'Ignore'], {
          description: 'Whether only nodes that match the affinity and the selector of the pods count.',
        }),
      ),
      nodeTaintsPolicy: Type.Optional(
        StringEnum(['Honor', 'Ignore'], {
          description: 'Whether nodes with taints that the pods do not tolerate are excluded.',
        }),
      ),
    },
    { description: 'How pods spread over topology domains.' },
  ),
  [
    {
      rule: "!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
      message: 'is only valid with whenUnsatisfiable DoNotSchedule',
      fieldPath: '.minDomains',
      holds: ({ minDomains, whenUnsatisfiable }) => minDomains === undefined || whenUnsatisfiable === 'DoNotSchedule',
    },
  ],
);

/** Merged into the pod template: the fields of a Kubernetes pod template that are safe to set. */
export const PodTemplate = Type.Object(
  {
    metadata: Type.Optional(
      Type.Object(
        {
          labels: Type.Optional(LabelMap('Labels besides those of the operator.')),
          annotations: Type.Optional(
            Type.Record(Type.String(), Type.String(), { description: 'Annotations besides those of the operator.' }),
          ),
        },
        { description: 'Labels and annotations of the pods.' },
      ),
    ),
    spec: Type.Optional(
      Type.Object(
        {
          nodeSelector: Type.Optional(LabelMap('Labels that a node must have.')),
          tolerations: Type.Optional(
            Type.Array(Toleration, { description: 'Taints of nodes that the pods tolerate.', maxItems: 16 }),
          ),
          affinity: Type.Optional(Affinity),
          topologySpreadConstraints: Type.Optional(
            Type.Array(TopologySpreadConstraint, {
              description: 'How the pods spread over the cluster. Replaces the default.',
              maxItems: 8,
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['topologyKey', 'whenUnsatisfiable'],
            }),
          ),
          priorityClassName: Type.Optional(
            Type.String({
              description: 'PriorityClass of the pods; it must exist.',
              maxLength: 253,
              pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$',
            }),
          ),
          imagePullSecrets: Type.Optional(
            Type.Array(
              Type.Object(
                {
                  name: Type.String({
                    description: 'Name of a Secret in the namespace of the resource.',
                    maxLength: 253,
                    pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                  }),
                },
                { description: 'A Secret with the credentials of a registry.' },
              ),
              {
                description: 'Secrets with the credentials of the registries.',
                maxItems: 16,
                'x-kubernetes-list-type': 'map',
                'x-kubernetes-list-map-keys': ['name'],
              },
            ),
          ),
        },
        { description: 'Scheduling and image pull secrets of the pods.' },
      ),
    ),
  },
  { description: 'Labels, annotations and scheduling of the pods.' },
);
export type PodTemplate = Static<typeof PodTemplate>;
