import packageJson from '../package.json' with { type: 'json' };
import { HOME } from './main.ts';

/** An archive of the command line, as `npm pack` makes it. */
export interface Archive {
  name: string;
  sha256: string;
}

/**
 * The manifest by which krew installs the command line as `kubectl meshery` (krew.sigs.k8s.io/docs/developer-guide/plugin-manifest).
 * @param archive of the release of that version
 */
export function krewManifest(version: string, { name, sha256 }: Archive): object {
  return {
    apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
    kind: 'Plugin',
    metadata: { name: 'meshery' },
    spec: {
      version: `v${version}`,
      homepage: HOME,
      shortDescription: "Look after Meshery's Broker and MeshSync",
      description:
        "Shows whether the Brokers (NATS) and MeshSyncs of Meshery Operator are Ready and what stops them, checks an installation, connects to a\nBroker, migrates from Meshery's operator in Go, and renders and validates resources.\n",
      caveats: `Needs Node.js ${packageJson.engines.node.replace('>=', '')} or later as "node".\nSee ${HOME}/blob/v${version}/docs/command-line.md\n`,
      platforms: [
        {
          selector: { matchExpressions: [{ key: 'os', operator: 'In', values: ['darwin', 'linux'] }] },
          uri: `${HOME}/releases/download/v${version}/${name}`,
          sha256,
          bin: 'dist/cli.js',
          // Node reads in package.json that the bundles are modules.
          files: [
            { from: 'package/dist/*', to: 'dist' },
            { from: 'package/package.json', to: '.' },
            { from: 'package/LICENSE', to: '.' },
          ],
        },
      ],
    },
  };
}
