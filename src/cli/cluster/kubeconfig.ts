import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { isObject } from '../../metacontroller/reapply.ts';
import { UsageError } from '../errors.ts';
import { oneLine } from '../foreign-text.ts';
import { readYaml } from '../yaml.ts';

/** Which kubeconfig and which of its contexts is meant. */
export interface KubeconfigOptions {
  /** Path of a kubeconfig. Default: the files of `KUBECONFIG`, else `~/.kube/config`, else the ServiceAccount of the pod. */
  kubeconfig?: string;
  /** Name of a context in it. Default: the current one. */
  context?: string;
}

/**
 * The kubeconfig as kubectl finds it and puts it together: of several files, the first counts that has a context, a cluster or a
 * user of a name, and the first that has a current context.
 * @throws UsageError of one line, without any of its content, when there is none, or when it names no cluster
 */
export function loadKubeconfig({ kubeconfig, context }: KubeconfigOptions): KubeConfig {
  const config = new KubeConfig();
  const parts = filesOf(kubeconfig).map(readFile);
  if (parts.length === 0) {
    config.loadFromDefault();
    if (config.getCurrentCluster()?.server === NOWHERE)
      throw new UsageError('there is no kubeconfig; name one by --kubeconfig or KUBECONFIG');
    return config;
  }
  config.loadFromOptions({
    clusters: firstOfEach(parts.flatMap(({ clusters }) => clusters)),
    users: firstOfEach([...parts.flatMap(({ users }) => users), NOBODY]),
    contexts: firstOfEach(parts.flatMap(({ contexts }) => contexts)).map((each) => ({
      ...each,
      user: each.user || NOBODY.name,
    })),
    currentContext: context ?? parts.find(({ currentContext }) => currentContext)?.currentContext,
  });
  refuseIncomplete(config);
  return config;
}

/** What the client library takes where there is no kubeconfig. */
const NOWHERE = 'http://localhost:8080';

/** Of a context that names no user: without any user, the library would leave out the certificates of the cluster, too. */
const NOBODY = { name: '' };

/** Empty where neither an option nor the environment names a file, and there is none in the home directory. */
function filesOf(kubeconfig: string | undefined): string[] {
  if (kubeconfig) {
    if (!existsSync(kubeconfig)) throw new UsageError(`${kubeconfig}: there is no such kubeconfig`);
    return [kubeconfig];
  }
  const { KUBECONFIG: named } = process.env;
  if (!named) return [join(homedir(), '.kube', 'config')].filter((file) => existsSync(file));
  const files = named.split(delimiter).filter((file) => existsSync(file));
  if (files.length === 0) throw new UsageError(`KUBECONFIG names no file that exists: ${named}`);
  return files;
}

const WithTokenFile = Type.Object({ name: Type.String(), user: Type.Object({ tokenFile: Type.String() }) });
const Users = Type.Object({ users: Type.Array(Type.Unknown()) });

/** A part of a kubeconfig: what one file says, with the paths in it as they are for this process. */
function readFile(file: string): Pick<KubeConfig, 'clusters' | 'users' | 'contexts' | 'currentContext'> {
  const content = contentOf(file);
  const config = new KubeConfig();
  try {
    config.loadFromString(JSON.stringify(content));
    config.makePathsAbsolute(dirname(file));
  } catch (error) {
    throw new UsageError(`${file}: ${oneLine(error instanceof Error ? error.message : String(error))}`);
  }
  // The library does not read this field.
  const tokenFiles = new Map(
    (Value.Check(Users, content) ? content.users : []).flatMap((user) =>
      Value.Check(WithTokenFile, user) ? [[user.name, resolve(dirname(file), user.user.tokenFile)]] : [],
    ),
  );
  const { clusters, users, contexts, currentContext } = config;
  return {
    // Whether a certificate is checked is no question without TLS, and the library insists on an answer.
    clusters: clusters.map((each) => (each.server.startsWith('http:') ? { ...each, skipTLSVerify: true } : each)),
    users: users.map((each) => {
      const tokenFile = tokenFiles.get(each.name);
      return tokenFile ? { ...each, authProvider: { name: 'tokenFile', config: { tokenFile } } } : each;
    }),
    ...{ contexts, currentContext },
  };
}

/** The first document of a file. */
function contentOf(file: string): object {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file}: ${oneLine(error instanceof Error ? error.message : String(error))}`);
  }
  const [document = { value: undefined }] = readYaml(text);
  if ('error' in document) throw new UsageError(`${file} is no kubeconfig: ${document.error}`);
  const { value } = document;
  if (!isObject(value)) throw new UsageError(`${file} is no kubeconfig: it has no clusters and no contexts`);
  return value;
}

function firstOfEach<Item extends { name: string }>(items: readonly Item[]): Item[] {
  const found = new Map<string, Item>();
  for (const item of items) if (!found.has(item.name)) found.set(item.name, item);
  return [...found.values()];
}

function refuseIncomplete(config: KubeConfig): void {
  const names = config.getContexts().map(({ name }) => name);
  const known = names.length > 0 ? `: ${names.join(', ')}` : '';
  const current = config.getCurrentContext();
  if (!current) throw new UsageError(`the kubeconfig has no current context; name one by --context${known}`);
  const context = config.getContextObject(current);
  if (!context) throw new UsageError(`the kubeconfig has no context ${current}${known}`);
  const { cluster, user } = context;
  if (!config.getCluster(cluster))
    throw new UsageError(`context ${current} names cluster ${cluster}, which the kubeconfig does not have`);
  if (!config.getUser(user))
    throw new UsageError(`context ${current} names user ${user}, which the kubeconfig does not have`);
}
