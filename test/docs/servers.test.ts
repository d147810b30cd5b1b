// The documented configurations of servers.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { Conformance, conformance } from '../cache/remote/conformance.ts';
import { Nginx, NO_NGINX, WRITER } from '../cache/remote/nginx.ts';
import { programFile } from '../support/program-file.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { blocksOf, readDocument } from './documents.ts';

function blockWith(file: string, language: string, text: string): string {
  const found = blocksOf(readDocument(file)).filter(
    block => block.language === language && block.text.includes(text),
  );
  if (found.length !== 1) throw new Error(`${found.length} ${language} blocks of ${file} have ${text}.`);
  return found[0]!.text;
}

test('the documented configuration of nginx meets every requirement', async t => {
  if (NO_NGINX) return t.pass(NO_NGINX);
  const documented = blockWith('docs/remote.md', 'nginx', 'server {');
  const nginx = await Nginx.start(t, ({ address, store, passwords }) =>
    documented
      .replace('listen 443 ssl;', `listen ${address};`)
      .replaceAll(/^ *ssl_certificate.*\n/gm, '')
      .replaceAll('/var/cache/glovebox', store)
      .replace('/etc/nginx/cache-writers', passwords),
  );
  for (const requirement of conformance) {
    const server = { url: nginx.url, token: WRITER };
    await t.notThrowsAsync(Conformance.check(requirement, server), requirement.title);
  }
});

test('systemd accepts the documented unit of an agent', async t => {
  const analyze = (() => {
    try {
      return programFile('systemd-analyze');
    } catch {
      return undefined;
    }
  })();
  if (analyze === undefined) return t.pass('skipped: there is no systemd-analyze on this machine');
  const unit = blockWith('docs/agents.md', 'ini', 'glovebox agent');
  const file = path.join(await temporaryDirectory(t), 'glovebox-agent.service');
  // Its program must exist.
  writeFileSync(file, unit.replace('/usr/local/bin/glovebox', process.execPath));
  // Settings that it does not know are only warnings.
  const { status, stderr } = spawnSync(analyze, ['verify', '--man=no', file], { encoding: 'utf8' });
  t.deepEqual({ status, stderr }, { status: 0, stderr: '' });
});
