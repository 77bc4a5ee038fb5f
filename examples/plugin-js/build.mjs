// Makes plugin.wasm of plugin.js. Without WASI: the host lends a plugin nothing but what the contract names.
import { componentize } from '@bytecodealliance/componentize-js';
import { cp, readFile, writeFile } from 'node:fs/promises';

// The world of this plugin stands beside the contract that it speaks of.
await cp(process.env.BELLHOP_WIT ?? '../../wit', 'wit/deps/sip-policy', { recursive: true });
const { component } = await componentize(await readFile('plugin.js', 'utf8'), {
  witPath: 'wit',
  worldName: 'refuse',
  disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
});
await writeFile('plugin.wasm', component);
console.log(`plugin.wasm: ${(component.length / 1e6).toFixed(1)} MB`);
