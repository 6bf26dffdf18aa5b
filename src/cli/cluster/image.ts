import { tagOf } from '../../kubernetes/images.ts';

/** The tag of an image of a pod, without its digest; empty where it has none. */
export function podImageTag(image: string): string {
  const [reference = ''] = image.split('@');
  return tagOf(reference) ?? '';
}
