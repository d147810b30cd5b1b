import test from 'ava';
import {
  describeWorkspace,
  useWorkspace,
  WorkspaceService,
  workspaceIdentity,
} from '../../../src/builder/workspace/index.ts';
import { createUpstream, objectsOf, REAL_WEST } from './upstream.ts';

// Skipped where west is not installed: the other tests have their own.
(REAL_WEST ? test : test.skip)('the real west makes, updates and shares workspaces', async t => {
  const { config, cacheRoot, push } = await createUpstream(t);
  const service = new WorkspaceService({ cacheRoot });
  const { workspace: first } = await service.create(config);
  const head = await push('zephyr', { 'init.c': 'init\n' });
  const { workspace: second } = await useWorkspace(first.path, () => service.update(config));
  const { projects } = await workspaceIdentity(second.path);
  t.is(projects.zephyr?.head, head);
  const [older, newer] = [await objectsOf(first.path), await objectsOf(second.path)];
  for (const [name, inode] of older) t.is(newer.get(name), inode, name);
  t.deepEqual(describeWorkspace(await workspaceIdentity(second.path)), []);
  t.deepEqual((await service.update(config, { offline: true })).made, false);
});
