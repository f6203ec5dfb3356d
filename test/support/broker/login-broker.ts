/**
 * A broker with a listener for each way to reach one: TLS, TLS with certificates of clients, and logins with and without TLS. It asks
 * for rights, as brokers do that have logins: the users of PASSWORDS may do all, but for `chorus`, who has none.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority, Identity } from '../certificates.ts';
import { startJarBroker, type JarBroker } from './jar-broker.ts';

export const PASSWORDS = {
  plain: 'sesame-plain',
  scram256: 'sesame-256',
  scram512: 'sesame-512',
  chorus: 'sesame-chorus',
} as const;

/** Users of SCRAM, by the mechanism that each has. */
const SCRAM = { scram256: 'SCRAM-SHA-256', scram512: 'SCRAM-SHA-512', chorus: 'SCRAM-SHA-512' } as const;
const SECURITY = 'org.apache.kafka.common.security';
/** The name of a broker that is not that of its address. */
const OTHER_NAME = 'kafka.example.org';

/**
 * Its listeners: `MUTUAL` asks for a certificate of the client, `NAMED` has one for kafka.example.org, `LOGIN_TLS` and `LOGIN` have all
 * mechanisms, `FEW` has SCRAM-SHA-256 alone.
 */
export function startLoginBroker(folder: string, authority: Authority): Promise<JarBroker> {
  const here = authority.issue({ name: 'broker', hosts: ['127.0.0.1'] });
  const keystore = (listener: string, { cert, key }: Identity): Record<string, string> => {
    const of = `listener.name.${listener}.ssl`;
    const [store, trusted] = [join(folder, `${listener}.pem`), join(folder, `${listener}-ca.pem`)];
    writeFileSync(store, key + cert);
    writeFileSync(trusted, authority.cert);
    return {
      [`${of}.keystore.type`]: 'PEM',
      [`${of}.keystore.location`]: store,
      [`${of}.truststore.type`]: 'PEM',
      [`${of}.truststore.location`]: trusted,
    };
  };
  return startJarBroker({
    listeners: { MUTUAL: 'SSL', NAMED: 'SSL', LOGIN_TLS: 'SASL_SSL', LOGIN: 'SASL_PLAINTEXT', FEW: 'SASL_PLAINTEXT' },
    properties: {
      ...keystore('mutual', here),
      'listener.name.mutual.ssl.client.auth': 'required',
      ...keystore('named', authority.issue({ name: 'broker', hosts: [OTHER_NAME] })),
      ...keystore('login_tls', here),
      ...logins('login_tls'),
      ...logins('login'),
      ...logins('few'),
      'listener.name.few.sasl.enabled.mechanisms': 'SCRAM-SHA-256',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': ['ANONYMOUS', 'plain', 'scram256', 'scram512', 'oauth', 'CN=client']
        .map((name) => `User:${name}`)
        .join(';'),
    },
    formatArguments: Object.entries(SCRAM).flatMap(([name, mechanism]) => {
      return ['--add-scram', `${mechanism}=[name=${name},password=${PASSWORDS[name as keyof typeof SCRAM]}]`];
    }),
  });
}

function logins(listener: string): Record<string, string> {
  const of = `listener.name.${listener}`;
  return {
    [`${of}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [`${of}.plain.sasl.jaas.config`]: `${SECURITY}.plain.PlainLoginModule required user_plain="${PASSWORDS.plain}";`,
    [`${of}.scram-sha-256.sasl.jaas.config`]: `${SECURITY}.scram.ScramLoginModule required;`,
    [`${of}.scram-sha-512.sasl.jaas.config`]: `${SECURITY}.scram.ScramLoginModule required;`,
    [`${of}.oauthbearer.sasl.jaas.config`]: `${SECURITY}.oauthbearer.OAuthBearerLoginModule required;`,
    [`${of}.oauthbearer.sasl.server.callback.handler.class`]: `${SECURITY}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler`,
    // A login holds for so long at the most; kafkajs logs in anew ten seconds before.
    [`${of}.oauthbearer.connections.max.reauth.ms`]: '11000',
  };
}

/** Without a signature, as the validator that Kafka brings for tests wants it. */
export function tokenFor(user: string, lifeSeconds = 3600): string {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const claims = { sub: user, iat: nowSeconds, exp: nowSeconds + lifeSeconds };
  const parts = [{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return `${parts.join('.')}.`;
}
