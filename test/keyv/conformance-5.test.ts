// With Keyv 5 the adapter passes Keyv's own suite for storage adapters.
import Keyv from 'keyv5';
import { conforms, gloveboxStores } from './conformance.ts';

conforms('Keyv 5', Keyv, gloveboxStores());
