// `npm run remote-conformance -- URL`: checks whether the server there can be a remote cache. Its entries stay on the
// server.
import { Conformance, conformance } from './conformance.ts';

const [url] = process.argv.slice(2);
if (url === undefined) {
  console.error(
    'Usage: npm run remote-conformance -- URL\nWho may write: GLOVEBOX_REMOTE_TOKEN=user:password, or a token.',
  );
  process.exit(2);
}
const token = process.env.GLOVEBOX_REMOTE_TOKEN;
let failed = 0;
for (const requirement of conformance) {
  try {
    await Conformance.check(requirement, { url, token });
    console.log(`✔ ${requirement.title}`);
  } catch (error) {
    failed++;
    console.log(`✘ ${requirement.title}\n  ${(error as Error).message.replaceAll('\n', '\n  ')}`);
  }
}
console.log(
  `\n${conformance.length - failed} of ${conformance.length} requirements are met by ${new URL(url).host}.`,
);
process.exitCode = failed > 0 ? 1 : 0;
