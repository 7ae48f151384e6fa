// The system's Chromium with nobody looking at its network: Playwright asks every page for what it fetches, and a page then
// keeps some 200 MB of that. For measurements of memory; speaks the DevTools protocol itself.
import { spawn } from 'node:child_process';
import { chromiumOptions } from './chromium.mjs';

/** One connection to a browser; calls are answered in any order. */
class Connection {
  #socket;
  #last = 0; // number of a call
  #calls = new Map();
  #listeners = [];

  static async open(url) {
    const connection = new Connection();
    connection.#socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      connection.#socket.onopen = resolve;
      connection.#socket.onerror = reject;
    });
    connection.#socket.onmessage = ({ data }) => connection.#receive(JSON.parse(data));
    return connection;
  }

  #receive({ id, method, params, sessionId, result, error }) {
    if (id === undefined) return this.#listeners.forEach((listener) => listener(method, params, sessionId));
    const { resolve, reject } = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error.message));
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#last;
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
  }

  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Runs a function in a page or a worker; arguments and result as JSON. */
  async evaluate(sessionId, act, ...given) {
    const expression = `(${act})(...${JSON.stringify(given)})`;
    const asked = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', asked, sessionId);
    if (exceptionDetails === undefined) return result.value;
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }
}

/**
 * Starts a browser with the folder `profile` and opens `url` in it. `onCall(text)` hears `window.tell(text)` of the page.
 * Answers {version, evaluate, worker, pages, close}: `evaluate` runs a function in the page, `worker()` gives the same for the
 * page's first worker, `pages()` the process ids of pages.
 */
export async function openUnwatched(profile, url, onCall) {
  const { executablePath, args } = chromiumOptions();
  const own = ['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'];
  const browser = spawn(executablePath, [...args, ...own], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => browser.on('close', resolve));
  const address = await new Promise((resolve, reject) => {
    let said = '';
    browser.stderr.on('data', (text) => {
      said += text;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    ended.then(() => reject(new Error(`Chromium ended: ${said.slice(-500)}`)));
  });
  const connection = await Connection.open(address);
  const { targetId } = await connection.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await connection.send('Target.attachToTarget', { targetId, flatten: true });
  let loaded;
  const loading = new Promise((resolve) => {
    loaded = resolve;
  });
  const worker = new Promise((resolve) => {
    connection.listen((method, params, session) => {
      if (session !== sessionId) return;
      if (method === 'Page.loadEventFired') loaded();
      if (method === 'Runtime.bindingCalled') onCall(params.payload);
      if (method === 'Target.attachedToTarget' && params.targetInfo.type === 'worker') resolve(params.sessionId);
    });
  });
  const attach = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true };
  await connection.send('Runtime.enable', {}, sessionId);
  await connection.send('Runtime.addBinding', { name: 'tell' }, sessionId);
  await connection.send('Target.setAutoAttach', attach, sessionId);
  await connection.send('Page.enable', {}, sessionId);
  await connection.send('Page.navigate', { url }, sessionId);
  await loading;
  const { product } = await connection.send('Browser.getVersion');
  return {
    version: product,
    evaluate: (act, ...given) => connection.evaluate(sessionId, act, ...given),
    async worker() {
      const session = await worker;
      return (act, ...given) => connection.evaluate(session, act, ...given);
    },
    async pages() {
      const { processInfo } = await connection.send('SystemInfo.getProcessInfo');
      return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
    },
    async close() {
      void connection.send('Browser.close'); // it may be gone before it answers
      await ended;
    },
  };
}
