import { hash } from 'node:crypto';

/** SHA-256 of a string in hexadecimal; as an annotation of a pod template, a new value rolls the pods. */
export function checksum(content: string): string {
  return hash('sha256', content);
}
