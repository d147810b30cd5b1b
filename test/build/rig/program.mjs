// The program that stands where the compiler would. It decides nothing: it does what the test says.
import { obey } from './control.mjs';

const [address, ...rest] = process.argv.slice(2);
const options = {};
for (let index = 0; index < rest.length; index += 2) options[rest[index].slice(2)] = rest[index + 1];
await obey(address, rest, options);
