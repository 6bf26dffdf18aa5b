/** The tag of an image, without its digest; empty where it has none. */
export function imageTag(image: string): string {
  const [, tag = ''] = /^[^@]*?:([^:/@]+)(?:@.*)?$/.exec(image) ?? [];
  return tag;
}
