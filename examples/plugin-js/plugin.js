// Refuses calls to the numbers of a list. The contract is wit/sip-policy.wit: an interface is a module, an export an object.
import { write } from 'sip:policy/log@0.1.0';

let numbers = [];

function read(config) {
  const { numbers } = JSON.parse(config);
  if (!Array.isArray(numbers)) throw 'numbers: expected a list';
  return numbers.map(String);
}

export const lifecycle = {
  describe: () => ({ name: 'refuse-js', version: '0.1.0', hooks: ['on-request'], configSchema: undefined }),
  // What is thrown is the error of the result.
  validate: (config) => { read(config); },
  start: (config) => { numbers = read(config); },
};

export const hooks = {
  onRegister: () => ({ tag: 'continue' }),
  onRequest: (msg) => {
    const summary = msg.summary();
    const user = /^(?:sips?|tel):([^@;]*)/i.exec(summary.ruri)?.[1];
    if (summary.inDialog || !numbers.includes(user)) return { tag: 'continue' };
    write('info', `${user} is refused`);
    return { tag: 'reply', val: { status: 403, reason: 'Not from JavaScript', headers: [], body: undefined } };
  },
  onRoute: () => undefined,
  onFailure: () => ({ tag: 'continue' }),
  onResponse: () => {},
  onDialog: () => {},
  onTimer: () => {},
};
