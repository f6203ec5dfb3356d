/** How the tests get their tools: found where they are, unpacked into a cache without rights, or told what is missing. */
import { execFile } from 'node:child_process';
import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/feeds.ts';
import { debianTool, TOOL_TIMEOUT_MS } from '../support/tools.ts';

const cache = temporaryFolder();

describe('debianTool', () => {
  test('takes the command that is there', async () => {
    const file = join(cache, 'some-command');
    await writeFile(file, '#!/bin/sh\n');
    const places = { folders: [cache], cache, mayInstall: false };
    await expect(debianTool('some-command', 'some-package', places)).rejects.toThrow('apt-get install some-package');
    await chmod(file, 0o755);
    expect(await debianTool('some-command', 'some-package', places)).toBe(file);
  });

  test(
    'unpacks a package once, however many ask at once, and leaves nothing half done',
    async () => {
      const places = { folders: [], cache, mayInstall: false };
      const paths = await Promise.all(Array.from({ length: 3 }, () => debianTool('jsonnet', 'jsonnet', places)));
      expect(new Set(paths).size).toBe(1);
      const { stdout } = await promisify(execFile)(paths[0]!, ['-e', '1 + 2']);
      expect(stdout).toBe('3\n');
      expect(await readdir(join(cache, 'debian'))).toEqual(['jsonnet']);
      const { ino } = await stat(paths[0]!);
      expect((await stat(await debianTool('jsonnet', 'jsonnet', places))).ino).toBe(ino);
    },
    TOOL_TIMEOUT_MS,
  );

  test(
    'says what to install where it cannot',
    async () => {
      const places = { folders: [], cache, mayInstall: false };
      await expect(debianTool('browser-of-nobody', 'package-of-nobody', places)).rejects.toThrow(
        "the tests need browser-of-nobody of Debian's package package-of-nobody on PATH (apt-get install package-of-nobody), " +
          'and it could not be got: installing it takes root',
      );
    },
    TOOL_TIMEOUT_MS,
  );
});
