import { describe, expect, it } from 'vitest';
import { commonMetadata, ownDeployment, readConfig } from '../../../src/server/config.ts';

const defaults = {
  HOST: '',
  PORT: 8080,
  MONITORING_PORT: 8081,
  HOOK_TOKEN_FILES: '',
  TLS_CERT_FILE: '',
  TLS_KEY_FILE: '',
  TLS_CLIENT_CA_FILE: '',
  RELOAD_INTERVAL: 10_000,
  MAX_REQUESTS: 100,
  MAX_EVENT_LOOP_DELAY: 500,
  MAX_CONNECTIONS: 1_000,
  LOG_LEVEL: 'info',
  BODY_LIMIT: 8_388_608,
  IMAGE_REGISTRY: '',
  COMMON_LABELS: '',
  COMMON_ANNOTATIONS: '',
  IMAGE_REGISTRY_LIBRARY: 'false',
  SECURITY_CONTEXT: 'restricted',
  POD_NAMESPACE: '',
  DEPLOYMENT_NAME: 'meshery-operator',
  DRAIN_TIME: 2_000,
  SHUTDOWN_TIMEOUT: 20_000,
};

describe('commonMetadata', () => {
  it('gives the labels and annotations of the environment, and none by default', () => {
    const environment = { COMMON_LABELS: '{"team":"payments","empty":""}', COMMON_ANNOTATIONS: '{"a/b":"c=d,e"}' };
    expect(commonMetadata(readConfig(environment))).toEqual({
      labels: { team: 'payments', empty: '' },
      annotations: { 'a/b': 'c=d,e' },
    });
    expect(commonMetadata(readConfig({ COMMON_LABELS: '{}' }))).toEqual({});
  });
});

describe('readConfig', () => {
  it('has a default for everything', () => {
    expect(readConfig({})).toEqual(defaults);
  });

  it('reads an empty variable as unset, and ignores unknown ones', () => {
    expect(readConfig({ PORT: '', HOST: '  ', PATH: '/bin', LOG_LEVEL: undefined })).toEqual(defaults);
  });

  it('reads every variable', () => {
    expect(
      readConfig({
        HOST: '::1',
        PORT: ' 0 ',
        MONITORING_PORT: '9090',
        HOOK_TOKEN_FILES: '/t/token,/t/next',
        TLS_CERT_FILE: '/c/tls.crt',
        TLS_KEY_FILE: '/c/tls.key',
        TLS_CLIENT_CA_FILE: '/c/ca.crt',
        RELOAD_INTERVAL: '1000',
        MAX_REQUESTS: '1',
        MAX_EVENT_LOOP_DELAY: '0',
        MAX_CONNECTIONS: '10',
        LOG_LEVEL: 'trace',
        BODY_LIMIT: '1024',
        IMAGE_REGISTRY: 'registry.example.com:5000/mirror',
        COMMON_LABELS: ' {"team":"payments"} ',
        COMMON_ANNOTATIONS: '{"example.com/ports":"4222,6222"}',
        IMAGE_REGISTRY_LIBRARY: 'true',
        SECURITY_CONTEXT: 'platform',
        POD_NAMESPACE: 'tools',
        DEPLOYMENT_NAME: 'team.operator-1',
        DRAIN_TIME: '0',
        SHUTDOWN_TIMEOUT: '1',
      }),
    ).toEqual({
      HOST: '::1',
      PORT: 0,
      MONITORING_PORT: 9090,
      HOOK_TOKEN_FILES: '/t/token,/t/next',
      TLS_CERT_FILE: '/c/tls.crt',
      TLS_KEY_FILE: '/c/tls.key',
      TLS_CLIENT_CA_FILE: '/c/ca.crt',
      RELOAD_INTERVAL: 1000,
      MAX_REQUESTS: 1,
      MAX_EVENT_LOOP_DELAY: 0,
      MAX_CONNECTIONS: 10,
      LOG_LEVEL: 'trace',
      BODY_LIMIT: 1024,
      IMAGE_REGISTRY: 'registry.example.com:5000/mirror',
      COMMON_LABELS: '{"team":"payments"}',
      COMMON_ANNOTATIONS: '{"example.com/ports":"4222,6222"}',
      IMAGE_REGISTRY_LIBRARY: 'true',
      SECURITY_CONTEXT: 'platform',
      POD_NAMESPACE: 'tools',
      DEPLOYMENT_NAME: 'team.operator-1',
      DRAIN_TIME: 0,
      SHUTDOWN_TIMEOUT: 1,
    });
  });

  it.each([
    ['PORT', 'abc', 'PORT must be an integer'],
    ['PORT', '8080x', 'PORT must be an integer'],
    ['PORT', '80.5', 'PORT must be an integer'],
    ['PORT', '1e3', 'PORT must be an integer'],
    ['PORT', '0x50', 'PORT must be an integer'],
    ['PORT', 'true', 'PORT must be an integer'],
    ['PORT', '-1', 'PORT must be greater or equal to 0'],
    ['PORT', '65536', 'PORT must be less or equal to 65535'],
    ['LOG_LEVEL', 'INFO', 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent'],
    ['BODY_LIMIT', '1023', 'BODY_LIMIT must be greater or equal to 1024'],
    ['BODY_LIMIT', '16Mi', 'BODY_LIMIT must be an integer'],
    [
      'IMAGE_REGISTRY',
      'https://registry.example.com',
      'IMAGE_REGISTRY must match ^([a-zA-Z0-9][-a-zA-Z0-9.]*(:[0-9]+)?(/[a-z0-9][-a-z0-9._]*)*)?$, for example registry.example.com/mirror',
    ],
    ['COMMON_LABELS', 'team=payments', 'COMMON_LABELS must be a JSON object such as {"team":"payments"}'],
    ['COMMON_LABELS', '["team"]', 'COMMON_LABELS must be a map'],
    ['COMMON_LABELS', '{"team":1}', 'COMMON_LABELS.team must be a string'],
    [
      'COMMON_LABELS',
      '{"team":"a b"}',
      'COMMON_LABELS.team must match ^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$',
    ],
    ['COMMON_LABELS', '{"app":"x"}', 'COMMON_LABELS["app"] is set by the operator'],
    ['COMMON_LABELS', '{"controller-uid":"x"}', 'COMMON_LABELS["controller-uid"] is set by the operator'],
    [
      'COMMON_ANNOTATIONS',
      '{"not a key":""}',
      'COMMON_ANNOTATIONS["not a key"] must be the key of a label or an annotation: letters, digits, -, _ and ., optionally prefixed by a domain and /',
    ],
    [
      'COMMON_ANNOTATIONS',
      '{"meshery.io/revision":"x"}',
      'COMMON_ANNOTATIONS["meshery.io/revision"] is set by the operator',
    ],
    ['IMAGE_REGISTRY_LIBRARY', 'yes', 'IMAGE_REGISTRY_LIBRARY must be one of true, false'],
    ['SECURITY_CONTEXT', 'none', 'SECURITY_CONTEXT must be one of restricted, platform'],
    ['POD_NAMESPACE', 'a.b', 'POD_NAMESPACE must match ^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$'],
    ['POD_NAMESPACE', 'a'.repeat(64), 'POD_NAMESPACE must match ^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$'],
    [
      'DEPLOYMENT_NAME',
      'meshery/meshery-operator',
      'DEPLOYMENT_NAME must match ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
    ],
    ['SHUTDOWN_TIMEOUT', '20s', 'SHUTDOWN_TIMEOUT must be an integer'],
    ['SHUTDOWN_TIMEOUT', '600001', 'SHUTDOWN_TIMEOUT must be less or equal to 600000'],
  ])('rejects %s=%s with one line', (name, value, message) => {
    expect(() => readConfig({ [name]: value })).toThrow(new Error(message));
  });

  it.each([
    [{ IMAGE_REGISTRY_LIBRARY: 'true' }, 'IMAGE_REGISTRY_LIBRARY requires IMAGE_REGISTRY'],
    [{ TLS_CERT_FILE: '/a' }, 'TLS_CERT_FILE and TLS_KEY_FILE require each other'],
    [{ TLS_KEY_FILE: '/a' }, 'TLS_CERT_FILE and TLS_KEY_FILE require each other'],
    [{ TLS_CLIENT_CA_FILE: '/a' }, 'TLS_CLIENT_CA_FILE requires TLS_CERT_FILE'],
    [{ DRAIN_TIME: '1', SHUTDOWN_TIMEOUT: '1' }, 'DRAIN_TIME must be less than SHUTDOWN_TIMEOUT'],
  ])('rejects the combination %j', (environment, message) => {
    expect(() => readConfig(environment)).toThrow(new Error(message));
  });
});

describe('ownDeployment', () => {
  it('is known where the namespace is', () => {
    expect(ownDeployment(readConfig({ POD_NAMESPACE: 'tools' }))).toEqual({
      namespace: 'tools',
      name: 'meshery-operator',
    });
    expect(ownDeployment(readConfig({ DEPLOYMENT_NAME: 'other' }))).toBeUndefined();
  });
});
