/** The cache of files of Maven Central, filled from a small server in place of it, and the Java that is looked for. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startBroker } from '../support/broker/broker.ts';
import { fill, sha256, type Pin } from '../support/broker/jars.ts';
import { findJava } from '../support/broker/java.ts';
import { zipFiles } from '../support/broker/unzip.ts';
import { ROOT } from '../support/command.ts';

const CONTENTS = new Map(
  ['one', 'two', 'three'].map((name) => [`org/example/${name}/1.0/${name}-1.0.jar`, Buffer.from(name.repeat(50_000))]),
);
const PINS: Pin[] = [...CONTENTS].map(([path, bytes]) => ({ sha256: sha256(bytes), path }));
const FIRST = PINS[0]!;

let folder: string;
let commands: string;
let server: Server;
let asked: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chorus-cache-'));
  commands = join(folder, 'bin');
  await mkdir(commands);
  asked = [];
  server = createServer((request, response) => {
    const path = request.url!.slice('/maven/'.length);
    asked.push(path);
    const bytes = CONTENTS.get(path);
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('CHORUS_TEST_MAVEN', `http://127.0.0.1:${(server.address() as AddressInfo).port}/maven/`);
  vi.stubEnv('CHORUS_TEST_CACHE', join(folder, 'cache'));
  // Neither mvn nor java, except what a test puts there.
  vi.stubEnv('PATH', commands);
  vi.stubEnv('JAVA_HOME', undefined);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

async function command(name: string, script: string): Promise<void> {
  await writeFile(join(commands, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(commands, name), 0o755);
}

async function expectFilled(files: readonly string[]): Promise<void> {
  expect(files.map((file) => basename(file))).toEqual(PINS.map(({ path }) => basename(path)));
  for (const [index, file] of files.entries()) expect(sha256(await readFile(file))).toBe(PINS[index]!.sha256);
}

describe('the cache', () => {
  test('is filled once', async () => {
    await expectFilled(await fill('set', PINS));
    expect(asked.toSorted()).toEqual([...CONTENTS.keys()].toSorted());
    await expectFilled(await fill('set', PINS));
    expect(asked).toHaveLength(3);
  });

  test('is where the user keeps caches', async () => {
    vi.stubEnv('CHORUS_TEST_CACHE', undefined);
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'xdg'));
    expect((await fill('set', PINS))[0]).toBe(join(folder, 'xdg/chorus/set/one-1.0.jar'));
  });

  test('may be filled by two processes at once', async () => {
    const script = `
      import { fill } from './test/support/broker/jars.ts';
      const files = await fill('set', JSON.parse(process.argv[1]));
      console.log(JSON.stringify(files));`;
    const node = ['--import', 'tsx', '--input-type=module', '--eval', script, JSON.stringify(PINS)];
    const outputs = await Promise.all(
      [1, 2].map(() => promisify(execFile)(process.execPath, node, { cwd: ROOT, env: process.env })),
    );
    for (const { stdout } of outputs) await expectFilled(JSON.parse(stdout) as string[]);
    expect((await readdir(join(folder, 'cache/set'))).toSorted()).toEqual(
      [...PINS.map(({ path }) => basename(path)), 'stamps.json'].toSorted(),
    );
  });

  test.each([
    ['cut', async (file: string) => writeFile(file, 'one')],
    ['changed, at the same size', async (file: string) => writeFile(file, 'eno'.repeat(50_000))],
    ['removed', async (file: string) => rm(file)],
  ])('notices a file that was %s and fetches it again', async (_, damage) => {
    const files = await fill('set', PINS);
    asked = [];
    await damage(files[0]!);
    await expectFilled(await fill('set', PINS));
    expect(asked).toEqual([FIRST.path]);
  });

  test('reads no file again whose size and time are as they were', async () => {
    const files = await fill('set', PINS);
    // Whole seconds come back from every file system as they were set.
    const time = new Date(1_700_000_000_000);
    await utimes(files[0]!, time, time);
    await fill('set', PINS);
    await writeFile(files[0]!, 'eno'.repeat(50_000));
    await utimes(files[0]!, time, time);
    await fill('set', PINS);
    expect(asked).toHaveLength(3);
  });

  test('takes from Maven only what has the right bytes, and the rest from Maven Central', async () => {
    await command(
      'mvn',
      `for argument; do case "$argument" in -DoutputDirectory=*) to="\${argument#*=}";; esac; done
      /bin/mkdir -p "$to"; for name in one two three; do echo "not $name" >"$to/$name-1.0.jar"; done`,
    );
    await expectFilled(await fill('set', PINS));
    expect(asked).toHaveLength(3);
  });

  test('says what could not be had, how it was tried and what helps', async () => {
    const wanted = [...PINS, { sha256: FIRST.sha256, path: 'org/example/none/1.0/none-1.0.jar' }];
    const failure = fill('set', wanted);
    await expect(failure).rejects.toThrow(/1 file\(s\).*org\/example\/none\/1\.0\/none-1\.0\.jar/);
    await expect(failure).rejects.toThrow(/mvn: not found on PATH\n.*status 404\n.*CHORUS_TEST_MAVEN/s);
  });

  test('refuses bytes that are not those of the pin', async () => {
    const wanted = [{ ...FIRST, sha256: '0'.repeat(64) }];
    await expect(fill('set', wanted)).rejects.toThrow(`has SHA-256 ${FIRST.sha256}, must be ${'0'.repeat(64)}`);
    expect(await readdir(join(folder, 'cache/set'))).toEqual([]);
  });
});

describe('the Java', () => {
  const says = (version: string) => `echo 'openjdk version "${version}" 2024-01-01' >&2`;

  test('of JAVA_HOME comes before that of PATH', async () => {
    await command('java', says('21.0.1'));
    expect((await findJava()).command).toBe(join(commands, 'java'));
    const home = join(folder, 'home');
    await mkdir(join(home, 'bin'), { recursive: true });
    await writeFile(join(home, 'bin/java'), `#!/bin/sh\n${says('17.0.9')}\n`, { mode: 0o755 });
    vi.stubEnv('JAVA_HOME', home);
    expect((await findJava()).command).toBe(join(home, 'bin/java'));
  });

  test('must be 17 or later', async () => {
    await command('java', says('11.0.21'));
    await expect(findJava()).rejects.toThrow(`${join(commands, 'java')} is Java 11`);
    await command('java', says('1.8.0_392'));
    await expect(findJava()).rejects.toThrow('is Java 8');
  });

  test('is asked for where no way to a broker is left', async () => {
    vi.stubEnv('CHORUS_TEST_KAFKA', undefined);
    // On a machine with Docker: an image that nobody has.
    vi.stubEnv('CHORUS_TEST_KAFKA_IMAGE', '127.0.0.1:1/none:none');
    const failure = startBroker();
    await expect(failure).rejects.toThrow(/no Kafka broker for this test\. CHORUS_TEST_KAFKA names none/);
    await expect(failure).rejects.toThrow(/Docker.*no Java 17 or later.*no java on PATH.*Install a Java 17\+/s);
  });

  test('is not looked for where a broker is named, which must be there', async () => {
    vi.stubEnv('CHORUS_TEST_KAFKA', '127.0.0.1:1');
    await expect(startBroker()).rejects.toThrow(/CHORUS_TEST_KAFKA is "127\.0\.0\.1:1": no broker answers there/);
  });
});

describe('a zip archive', () => {
  /** Local header, bytes, central header: only the fields that are read. */
  function archiveOf(files: ReadonlyArray<{ path: string; bytes: Buffer; deflated: boolean }>): Buffer {
    const locals: Buffer[] = [];
    const entries: Buffer[] = [];
    let at = 0;
    for (const { path, bytes, deflated } of files) {
      const packed = deflated ? deflateRawSync(bytes) : bytes;
      const local = Buffer.alloc(30);
      local.writeUInt16LE(path.length, 26);
      locals.push(local, Buffer.from(path), packed);
      const entry = Buffer.alloc(46);
      entry.writeUInt16LE(deflated ? 8 : 0, 10);
      entry.writeUInt32LE(packed.length, 20);
      entry.writeUInt32LE(bytes.length, 24);
      entry.writeUInt16LE(path.length, 28);
      entry.writeUInt32LE(at, 42);
      entries.push(entry, Buffer.from(path));
      at += 30 + path.length + packed.length;
    }
    const end = Buffer.alloc(22 + 7);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(files.length, 10);
    end.writeUInt32LE(at, 16);
    return Buffer.concat([...locals, ...entries, end]);
  }

  test('gives its files, stored and deflated', () => {
    const text = Buffer.from('x'.repeat(1000));
    const files = [
      { path: 'lib/', bytes: Buffer.alloc(0), deflated: false },
      { path: 'lib/a.jar', bytes: text, deflated: true },
      { path: 'b.jar', bytes: Buffer.from('stored'), deflated: false },
    ];
    const found = zipFiles(archiveOf(files));
    expect(found.map(({ path, size }) => [path, size])).toEqual([
      ['lib/a.jar', 1000],
      ['b.jar', 6],
    ]);
    expect(found[0]!.read()).toEqual(text);
    expect(found[1]!.read().toString()).toBe('stored');
  });

  test('is told from what is none', () => {
    expect(() => zipFiles(Buffer.from('not a zip archive, but long enough'))).toThrow('no zip archive');
  });
});
