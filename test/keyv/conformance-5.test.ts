// Keyv's own suite for storage adapters, run with Keyv 5.
import Keyv from 'keyv5';
import { conforms, gloveboxStores } from './conformance.ts';

conforms('Keyv 5', Keyv, gloveboxStores());
