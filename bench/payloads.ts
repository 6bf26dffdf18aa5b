import { readFileSync } from 'node:fs';

/** Recorded requests of a ready pair, as Metacontroller repeats them. */
export const PAYLOADS = {
  broker: recorded('/broker/sync', 'meshery-meshery-broker-broker-sync-last'),
  meshsync: recorded('/meshsync/sync', 'meshery-meshery-meshsync-meshsync-sync-last'),
};

/** A request after the status in the response is written: nothing changes any more. */
export function settled({ path, body }: Payload, response: string): Payload {
  const { parent, ...rest } = JSON.parse(body);
  const { controller, ...others } = rest;
  return {
    path,
    body: JSON.stringify({ controller, parent: { ...parent, status: JSON.parse(response).status }, ...others }),
  };
}

export type Payload = (typeof PAYLOADS)['broker'];

function recorded(path: string, name: string) {
  return { path, body: readFileSync(`test/payloads/recorded/dynamic-apply/${name}.json`, 'utf8').trim() };
}
