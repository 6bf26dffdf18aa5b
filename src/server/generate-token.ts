import { randomBytes } from 'node:crypto';

/** 256 random bits in hexadecimal, after a letter: NATS would parse a value that starts with digits as a number. */
export function generateToken(): string {
  return `t${randomBytes(32).toString('hex')}`;
}
