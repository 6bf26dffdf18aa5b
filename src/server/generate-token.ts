import { randomBytes } from 'node:crypto';

/** 256 random bits in hexadecimal, behind a letter: NATS would read a value that starts with digits as a number. */
export function generateToken(): string {
  return `t${randomBytes(32).toString('hex')}`;
}
