// Debian's nginx as the remote cache.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { remoteKey } from '../../../src/cache/remote/record.ts';
import { Conformance, conformance } from './conformance.ts';
import { Nginx, NO_NGINX, WRITER } from './nginx.ts';
import { getValue, KEY, NOISE, reader, writer } from './tier.ts';

const value = (bytes: Uint8Array) => ({ kind: 'value', files: [{ name: 'value', bytes }] }) as const;

test('nginx meets every requirement', async t => {
  if (NO_NGINX) return t.pass(NO_NGINX);
  const nginx = await Nginx.start(t);
  for (const requirement of conformance) {
    await t.notThrowsAsync(
      Conformance.check(requirement, { url: nginx.url, token: WRITER }),
      requirement.title,
    );
  }
});

test('a client without a password can read, and cannot write', async t => {
  if (NO_NGINX) return t.pass(NO_NGINX);
  const nginx = await Nginx.start(t);
  const stranger = writer(t, nginx.url);
  t.is(await stranger.put(KEY, value(NOISE)), 'failed');
  t.regex(stranger.warnings[0]!, /status 401.*GLOVEBOX_REMOTE_TOKEN/);
  t.is(await writer(t, nginx.url, { token: WRITER }).put(KEY, value(NOISE)), 'stored');
  t.deepEqual(await getValue(stranger), NOISE);
});

test('a machine in mode read sends no PUT', async t => {
  if (NO_NGINX) return t.pass(NO_NGINX);
  const nginx = await Nginx.start(t);
  const tier = reader(t, nginx.url, { token: WRITER });
  t.is(await getValue(tier), undefined);
  t.is(await tier.put(KEY, value(NOISE)), 'read-only');
  await tier.close();
  t.deepEqual(nginx.log, [`GET /cache/ac/${KEY} 404`]);
});

test('a blob that nginx lost or damaged is a miss, and comes back with the next upload', async t => {
  if (NO_NGINX) return t.pass(NO_NGINX);
  const nginx = await Nginx.start(t);
  const put = () => writer(t, nginx.url, { token: WRITER }).put(KEY, value(NOISE));
  const blob = path.join(nginx.store, 'cache/cas', createHash('sha256').update(NOISE).digest('hex'));
  for (const damage of [
    () => rmSync(blob),
    () => truncateSync(blob, 100),
    () => truncateSync(blob, 1_000_000),
  ]) {
    t.is(await put(), 'stored');
    damage();
    t.is(await getValue(reader(t, nginx.url)), undefined);
    t.is(await put(), 'stored');
    t.deepEqual(await getValue(reader(t, nginx.url)), NOISE);
  }
});

test('killed while machines write and read, nginx never gives a wrong byte, and is used again afterwards', async t => {
  if (NO_NGINX) return t.pass(NO_NGINX);
  const nginx = await Nginx.start(t);
  const content = (index: number) => Buffer.concat([Buffer.from(`${index} `), NOISE]);
  const keyOf = (index: number) => remoteKey('value', `${index}`);
  const options = { token: WRITER, breaker: { failureLimit: Number.POSITIVE_INFINITY } };
  let hits = 0;
  for (let round = 0; round < 5; round++) {
    const [one, other] = [writer(t, nginx.url, options), reader(t, nginx.url, options)];
    const work = Array.from({ length: 12 }, async (_, index) => {
      await one.put(keyOf(index), value(content(index)));
      const found = await getValue(other, keyOf(index));
      if (found === undefined) return;
      hits++;
      t.true(found.equals(content(index)));
    });
    // At a different moment of each round.
    await Promise.race([work[round]!, work[round + 1]!]);
    await nginx.kill();
    await Promise.all(work);
    await nginx.begin();
  }
  t.true(hits > 0);
  t.is(await writer(t, nginx.url, options).put(KEY, value(NOISE)), 'stored');
  t.deepEqual(await getValue(reader(t, nginx.url)), NOISE);
  t.true(existsSync(nginx.store) && readdirSync(path.join(nginx.store, 'cache/cas')).length > 0);
});
