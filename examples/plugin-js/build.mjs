// Makes plugin.wasm of plugin.js. Without WASI: the host lends a plugin nothing but what the contract names.
import { componentize } from '@bytecodealliance/componentize-js';
import { readFile, writeFile } from 'node:fs/promises';

const { component } = await componentize(await readFile('plugin.js', 'utf8'), {
  witPath: process.env.BELLHOP_WIT ?? '../../wit',
  worldName: 'plugin',
  disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
});
await writeFile('plugin.wasm', component);
console.log(`plugin.wasm: ${(component.length / 1e6).toFixed(1)} MB`);
