// A phone in a browser: page.html in a headless Chromium.
//
//   node chromium.mjs PAGE_IP:PORT URL USER CALLEE EVENT:RESOURCE...
//
// serves the page there, and says what it says, until it is ended.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';

const [at, server, user, callee, ...watched] = process.argv.slice(2);
const [host, port] = at.split(':');
const modules = join(process.env.LAB_JS, 'node_modules/sip.js/lib');
const page = new URL('page.html', import.meta.url);

createServer((request, response) => {
    const path = normalize(new URL(request.url, 'http://page').pathname);
    try {
        const [type, text] = path === '/'
            ? ['text/html', readFileSync(page)]
            : ['text/javascript', readFileSync(join(modules, path))];
        response.setHeader('Content-Type', type);
        response.end(text);
    } catch {
        response.statusCode = 404;
        response.end();
    }
}).listen(Number(port), host, () => {
    const asked = new URLSearchParams({ server, user, callee });
    watched.forEach((word) => asked.append('watch', word));
    const data = mkdtempSync(join(tmpdir(), 'bellhop-chromium-'));
    const chromium = spawn('chromium', [
        '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync',
        '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
        `--user-data-dir=${data}`,
        '--enable-logging=stderr', `http://${at}/?${asked}`,
    ], { stdio: ['ignore', 'inherit', 'inherit'] });
    let ending = false;
    process.on('SIGTERM', () => { ending = true; chromium.kill('SIGKILL'); });
    chromium.on('exit', (code) => {
        if (!ending) console.log(`FAILED chromium ended: ${code}`);
        rmSync(data, { recursive: true, force: true, maxRetries: 5 });
        process.exit(ending ? 0 : 1);
    });
});
