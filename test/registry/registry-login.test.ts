/** The registry over TLS with a login, as the settings give both, against a small server. What it says is in registry.test.ts. */
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { loadDeployment } from '../../src/cli/config-deployment.ts';
import { openRegistry } from '../../src/registry/client.ts';
import { Authority } from '../support/certificates.ts';
import { temporaryFolder } from '../support/feeds.ts';

const folder = temporaryFolder();
const authority = new Authority('Registry CA');
const logins: (string | undefined)[] = [];
let server: Server;
let port = 0;

beforeAll(async () => {
  server = createServer(authority.issue({ name: 'registry', hosts: ['127.0.0.1'] }), (request, response) => {
    const { authorization } = request.headers;
    logins.push(authorization);
    const isKnown = authorization === `Basic ${btoa('anna:sesame')}` || authorization === 'Bearer sesame';
    response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isKnown ? { compatibilityLevel: 'BACKWARD' } : { error_code: 401, message: 'no' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => (logins.length = 0));
afterAll(() => server.close());

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** @param host that of the certificate if not given */
async function open(registry: object, env: Record<string, string> = {}, host = '127.0.0.1'): Promise<void> {
  const settings = { url: `https://${host}:${port}`, ca: fileOf('ca.pem', authority.cert), ...registry };
  const file = fileOf(
    'chorus.yaml',
    JSON.stringify({ kafka: { brokers: 'a:9092', topic: 'posts' }, registry: settings }),
  );
  const opened = await openRegistry(loadDeployment({ file }, env).registry!);
  opened.close();
}

async function failureOf(opening: Promise<void>): Promise<{ code: string; text: string }> {
  const error: unknown = await opening.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  const { code } = error as { code: string };
  return { code, text: inspect(error, { depth: 10 }) };
}

test('takes a password or a token, from a file or the environment', async () => {
  await open({ username: 'anna', passwordFile: fileOf('password', 'sesame\n') });
  await open({ username: 'anna' }, { CHORUS_REGISTRY_PASSWORD: 'sesame' });
  await open({ tokenFile: fileOf('token', 'sesame\n') });
  await open({}, { CHORUS_REGISTRY_TOKEN: 'sesame' });
  const basic = `Basic ${btoa('anna:sesame')}`;
  expect(logins).toEqual([basic, basic, 'Bearer sesame', 'Bearer sesame']);
});

test('says at once that it is refused, and not by what', async () => {
  const { code, text } = await failureOf(open({ username: 'anna' }, { CHORUS_REGISTRY_PASSWORD: 'swordfish' }));
  expect(code).toBe('registry_denied');
  expect(text).toContain(`https://127.0.0.1:${port}: cannot ask for its configuration: status 401`);
  expect(text).not.toMatch(new RegExp(`swordfish|${btoa('anna:swordfish')}`));
  expect(logins).toHaveLength(1);
});

test('says at once that a certificate is not trusted, or has another name', async () => {
  const other = fileOf('other.pem', new Authority('Other CA').cert);
  const untrusted = await failureOf(open({ ca: other, retry: '1h' }, { CHORUS_REGISTRY_TOKEN: 'sesame' }));
  expect(untrusted.code).toBe('registry_tls');
  expect(untrusted.text).toContain('unable to verify the first certificate; check registry.ca');
  const named = await failureOf(open({ retry: '1h' }, { CHORUS_REGISTRY_TOKEN: 'sesame' }, 'localhost'));
  expect(named.code).toBe('registry_tls');
  expect(named.text).toContain('localhost');
  expect(untrusted.text + named.text).not.toContain('sesame');
  expect(logins).toEqual([]);
});
