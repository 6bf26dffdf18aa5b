export { Cluster } from '../stand-in/cluster.ts';
export { groupKey } from '../stand-in/json.ts';
