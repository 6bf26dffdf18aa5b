import { describe, expect, it } from 'vitest';
import { readConfig } from '../src/config.ts';

const defaults = {
  HOST: '0.0.0.0',
  PORT: 8080,
  LOG_LEVEL: 'info',
  BODY_LIMIT: 16_777_216,
  IMAGE_REGISTRY: '',
  SHUTDOWN_TIMEOUT: 20_000,
};

describe('readConfig', () => {
  it('has a default for everything', () => {
    expect(readConfig({})).toEqual(defaults);
  });

  it('takes an empty variable for one that is not set, and passes over what it does not know', () => {
    expect(readConfig({ PORT: '', HOST: '  ', PATH: '/bin', LOG_LEVEL: undefined })).toEqual(defaults);
  });

  it('reads every variable', () => {
    expect(
      readConfig({
        HOST: '::1',
        PORT: ' 0 ',
        LOG_LEVEL: 'trace',
        BODY_LIMIT: '1024',
        IMAGE_REGISTRY: 'registry.example.com:5000/mirror',
        SHUTDOWN_TIMEOUT: '0',
      }),
    ).toEqual({
      HOST: '::1',
      PORT: 0,
      LOG_LEVEL: 'trace',
      BODY_LIMIT: 1024,
      IMAGE_REGISTRY: 'registry.example.com:5000/mirror',
      SHUTDOWN_TIMEOUT: 0,
    });
  });

  it.each([
    ['PORT', 'abc', 'PORT must be integer'],
    ['PORT', '8080x', 'PORT must be integer'],
    ['PORT', '80.5', 'PORT must be integer'],
    ['PORT', '1e3', 'PORT must be integer'],
    ['PORT', '0x50', 'PORT must be integer'],
    ['PORT', 'true', 'PORT must be integer'],
    ['PORT', '-1', 'PORT must be greater or equal to 0'],
    ['PORT', '65536', 'PORT must be less or equal to 65535'],
    ['LOG_LEVEL', 'INFO', 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent'],
    ['BODY_LIMIT', '1023', 'BODY_LIMIT must be greater or equal to 1024'],
    ['BODY_LIMIT', '16Mi', 'BODY_LIMIT must be integer'],
    [
      'IMAGE_REGISTRY',
      'https://registry.example.com',
      'IMAGE_REGISTRY must match ^([a-zA-Z0-9][-a-zA-Z0-9.]*(:[0-9]+)?(/[a-z0-9][-a-z0-9._]*)*)?$',
    ],
    ['SHUTDOWN_TIMEOUT', '20s', 'SHUTDOWN_TIMEOUT must be integer'],
    ['SHUTDOWN_TIMEOUT', '600001', 'SHUTDOWN_TIMEOUT must be less or equal to 600000'],
  ])('refuses %s=%s in one line', (name, value, message) => {
    expect(() => readConfig({ [name]: value })).toThrow(new Error(message));
  });
});
