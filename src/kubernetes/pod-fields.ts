import { type Static, Type } from '@sinclair/typebox';
import { Default, DefaultInWords } from '../schema/defaults.ts';
import {
  DNS_SUBDOMAIN,
  DNS_SUBDOMAIN_OR_EMPTY,
  IP,
  LABEL_VALUE,
  NamedStrings,
  ObjectName,
  pattern,
  QUALIFIED_NAME,
  QUALIFIED_NAME_OR_EMPTY,
  StringEnum,
  Structure,
} from '../schema/fields.ts';
import { EmptyCounts, withRules } from '../schema/rules.ts';
import { ExtraContainers, ExtraVolumes, InitContainers, PodSecurityContext } from './container-fields.ts';
import { requestsWithinLimits, resourceQuantities } from './quantities.ts';

/** The pod fields that both kinds expose, under the names that Kubernetes gives them. */

const SIZE = '[0-9]*[1-9][0-9]*(\\.[0-9]{1,3})?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?';

const BYTES = pattern('bytes such as 10Gi', `^${SIZE}$`);
const BYTES_OR_EMPTY = pattern('bytes such as 64Mi, or empty', `^(${SIZE})?$`);
const BYTES_PERCENT_OR_EMPTY = pattern(
  'bytes such as 5Gi, a percentage such as 80%, or empty',
  `^(${SIZE}|[1-9][0-9]?%|100%)?$`,
);

/** A quantity of bytes, greater than zero. */
export function Size(description: string) {
  return Type.String({ description, pattern: BYTES, maxLength: 20 });
}

/** The same, or empty, which is treated as absent. */
export function OptionalSize(description: string, byDefault: string) {
  return Type.Optional(Type.String({ description, pattern: BYTES_OR_EMPTY, maxLength: 20, [Default]: byDefault }));
}

/** The same, or a percentage. */
export function OptionalSizeOrPercentage(description: string, defaultInWords: string) {
  return Type.Optional(
    Type.String({ description, pattern: BYTES_PERCENT_OR_EMPTY, maxLength: 20, [DefaultInWords]: defaultInWords }),
  );
}

const ResourceList = (description: string) => Type.Object(resourceQuantities, { description });

/** `resources` of a container. */
export const Resources = withRules(
  Type.Object(
    {
      requests: Type.Optional(ResourceList('What the scheduler reserves.')),
      limits: Type.Optional(ResourceList('The most that the container can use.')),
    },
    { description: 'Compute resources of the container. Replaces the default as a whole.', [Structure]: 'resources' },
  ),
  requestsWithinLimits,
);
export type Resources = Static<typeof Resources>;

const COMPONENT = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*';

/** From the grammar of image references (github.com/distribution/reference): a host with an optional port, and a path. */
const IMAGE_REPOSITORY = pattern(
  'an image repository or empty',
  `^(([a-zA-Z0-9][-a-zA-Z0-9.]*(:[0-9]+)?/)?${COMPONENT}(/${COMPONENT})*)?$`,
);

/** Repository and pull policy of the image of a container. */
export function Image(repository: string) {
  return Type.Object(
    {
      repository: Type.Optional(
        Type.String({
          description:
            'Repository of the image. Without a registry, it is pulled from IMAGE_REGISTRY of the operator, if that is set.',
          maxLength: 255,
          pattern: IMAGE_REPOSITORY,
          [Default]: repository,
        }),
      ),
      pullPolicy: Type.Optional(
        StringEnum(['Always', 'IfNotPresent', 'Never'], {
          description: 'When the image is pulled.',
          [DefaultInWords]: 'Always for latest and *-latest, else IfNotPresent',
        }),
      ),
    },
    { description: 'Repository and pull policy of the image; its tag is the version.' },
  );
}
export type Image = Static<ReturnType<typeof Image>>;

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

const LabelKey = (description: string) => Type.String({ description, maxLength: 317, pattern: QUALIFIED_NAME });
const LabelValues = Type.Array(
  Type.String({ description: 'A value of the label.', maxLength: 63, pattern: LABEL_VALUE }),
  {
    description: 'Values: at least one for In and NotIn, else none.',
    maxItems: 32,
  },
);

const valuesFit = {
  rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
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
export function LabelSelector(description: string, defaultInWords?: string) {
  return Type.Object(
    {
      matchLabels: Type.Optional(LabelMap('Labels that must have these values.')),
      matchExpressions: Type.Optional(
        Type.Array(LabelSelectorRequirement, { description: 'All of them must be met.', maxItems: 16 }),
      ),
    },
    {
      description,
      [Structure]: 'label selector',
      [EmptyCounts]: true,
      ...(defaultInWords !== undefined && { [DefaultInWords]: defaultInWords }),
    },
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
        Type.Array(NodeSelectorRequirement, { description: 'All of them must be met.', maxItems: 16 }),
      ),
    },
    { description, [Structure]: 'node selector term', [EmptyCounts]: true },
  );

const Weight = Type.Integer({
  description: 'Weight among the preferences.',
  format: 'int32',
  minimum: 1,
  maximum: 100,
});

const PodAffinityTerm = (description: string) =>
  Type.Object(
    {
      labelSelector: Type.Optional(LabelSelector('The pods that count.', 'none')),
      namespaceSelector: Type.Optional(LabelSelector('The namespaces of these pods.', 'that of the resource')),
      namespaces: Type.Optional(
        Type.Array(Type.String({ description: 'A namespace.', maxLength: 63 }), {
          description: 'More namespaces of these pods, by name.',
          maxItems: 16,
        }),
      ),
      topologyKey: LabelKey('Label of nodes whose value names their topology domain.'),
    },
    { description, [Structure]: 'pod affinity term' },
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
  { description: 'Affinity and anti-affinity of the pods.', [Structure]: 'affinity' },
);

const Toleration = withRules(
  Type.Object(
    {
      key: Type.Optional(
        Type.String({
          description: 'Name of the taint. Without one, and with operator Exists, every taint is tolerated.',
          maxLength: 317,
          pattern: QUALIFIED_NAME_OR_EMPTY,
        }),
      ),
      operator: Type.Optional(
        StringEnum(['Exists', 'Equal'], { description: 'How the taint is compared.', [Default]: 'Equal' }),
      ),
      value: Type.Optional(Type.String({ description: 'Value of the taint.', maxLength: 63, pattern: LABEL_VALUE })),
      effect: Type.Optional(
        StringEnum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], {
          description: 'Effect of the taint.',
          [DefaultInWords]: 'all effects',
        }),
      ),
      tolerationSeconds: Type.Optional(
        Type.Integer({
          description: 'How long a NoExecute taint is tolerated, in seconds.',
          [DefaultInWords]: 'forever',
        }),
      ),
    },
    { description: 'A taint of nodes that the pods tolerate.', [Structure]: 'toleration' },
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
      topologyKey: LabelKey('Label of nodes whose value names their topology domain.'),
      whenUnsatisfiable: StringEnum(['DoNotSchedule', 'ScheduleAnyway'], {
        description: 'What happens to a pod that would violate the constraint.',
      }),
      labelSelector: Type.Optional(LabelSelector('The pods that are counted.', 'those of the resource')),
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
    { description: 'How pods spread over topology domains.', [Structure]: 'topology spread constraint' },
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

/** With or without the dot at its end; one with underscores needs Kubernetes 1.32. */
const SEARCH_DOMAIN = pattern('a domain', `${DNS_SUBDOMAIN.slice(0, -1)}\\.?$`);

/** How the pods resolve names. */
const DnsConfig = Type.Object(
  {
    nameservers: Type.Optional(
      Type.Array(Type.String({ description: 'An IP address.', maxLength: 45, pattern: IP }), {
        description: 'Name servers besides those of the policy.',
        maxItems: 3,
      }),
    ),
    searches: Type.Optional(
      Type.Array(Type.String({ description: 'A domain.', maxLength: 254, pattern: SEARCH_DOMAIN }), {
        description: 'Search domains besides those of the policy, of at most 2048 characters in all.',
        maxItems: 32,
      }),
    ),
    options: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({ description: 'Name of the option.', minLength: 1, maxLength: 63 }),
            value: Type.Optional(Type.String({ description: 'Its value.', maxLength: 63 })),
          },
          { description: 'An option.' },
        ),
        {
          description: 'Options of the resolver, for example ndots.',
          maxItems: 16,
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
        },
      ),
    ),
  },
  { description: 'Settings of the resolver of the pods.' },
);

const HostAliases = Type.Array(
  Type.Object(
    {
      ip: Type.String({ description: 'An IP address.', maxLength: 45, pattern: IP }),
      hostnames: Type.Array(
        Type.String({
          description: 'A name.',
          maxLength: 253,
          pattern: DNS_SUBDOMAIN,
        }),
        { description: 'Names of the address.', minItems: 1, maxItems: 16 },
      ),
    },
    { description: 'An address and its names.' },
  ),
  {
    description: 'Names that the pods resolve by /etc/hosts.',
    maxItems: 32,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['ip'],
  },
);

const PodSpec = withRules(
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
          pattern: DNS_SUBDOMAIN_OR_EMPTY,
        }),
      ),
      imagePullSecrets: Type.Optional(
        Type.Array(
          Type.Object(
            {
              name: Type.String({
                description: 'Name of a Secret in the namespace of the resource.',
                maxLength: 253,
                pattern: DNS_SUBDOMAIN,
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
      securityContext: Type.Optional(PodSecurityContext),
      dnsPolicy: Type.Optional(
        StringEnum(['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'], {
          description: 'DNS policy of the pods.',
          [DefaultInWords]: 'ClusterFirst, or ClusterFirstWithHostNet with hostNetwork',
        }),
      ),
      dnsConfig: Type.Optional(DnsConfig),
      hostAliases: Type.Optional(HostAliases),
      hostNetwork: Type.Optional(
        Type.Boolean({
          description: 'Whether the pods use the network of their nodes, where NetworkPolicies do not apply to them.',
          [Default]: false,
        }),
      ),
      runtimeClassName: Type.Optional(ObjectName('RuntimeClass of the pods; it must exist.')),
      schedulerName: Type.Optional(ObjectName('Scheduler of the pods.')),
      terminationGracePeriodSeconds: Type.Optional(
        Type.Integer({
          description: 'How long a pod may take to end, in seconds.',
          minimum: 1,
          maximum: 86_400,
          [Default]: 60,
        }),
      ),
      enableServiceLinks: Type.Optional(
        Type.Boolean({ description: 'Whether the pods have environment variables for the Services of the namespace.' }),
      ),
      extraVolumes: Type.Optional(ExtraVolumes),
      extraContainers: Type.Optional(ExtraContainers),
      initContainers: Type.Optional(InitContainers),
    },
    { description: 'Fields of the pods, as in Kubernetes.' },
  ),
  [
    {
      rule: "!has(self.dnsPolicy) || self.dnsPolicy != 'None' || (has(self.dnsConfig) && has(self.dnsConfig.nameservers) && size(self.dnsConfig.nameservers) > 0)",
      message: 'must have nameservers with dnsPolicy None',
      fieldPath: '.dnsConfig',
      holds: ({ dnsPolicy, dnsConfig }) => dnsPolicy !== 'None' || (dnsConfig?.nameservers ?? []).length > 0,
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
    spec: Type.Optional(PodSpec),
  },
  { description: 'Labels, annotations, scheduling and other fields of the pods.' },
);
export type PodTemplate = Static<typeof PodTemplate>;
