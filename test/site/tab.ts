import { setTimeout } from 'node:timers/promises';
import { type Chromium, startChromium } from '../support/chromium.ts';

/** What a reader looks at the site with. */
export interface View {
  width: number;
  height: number;
  scheme: 'light' | 'dark';
}

/** A tab of Chromium, driven by the DevTools protocol. */
export interface Tab {
  /** Addresses that the pages have asked for so far. */
  requests: string[];
  /** What scripts of the pages have thrown or logged as an error so far. */
  errors: string[];
  /** Shows a page, and waits for its images and scripts. */
  show: (url: string) => Promise<void>;
  /** What an expression of the page gives, awaited. */
  evaluate: <Result>(expression: string) => Promise<Result>;
  /** Waits until an expression of the page is true. */
  until: (expression: string) => Promise<void>;
  /** Waits until an element is to be seen, and clicks it. */
  click: (selector: string) => Promise<void>;
  /** Types into what has the focus. */
  type: (text: string) => Promise<void>;
  /** Changes size and colour scheme; a page that is shown follows. */
  view: (view: View) => Promise<void>;
  /** A PNG of the window, or of the whole page. */
  picture: (whole?: boolean) => Promise<Buffer>;
  close: () => Promise<void>;
}

/** A message of the protocol. */
interface Message {
  id?: number;
  method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: the protocol has hundreds of shapes.
  params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  result?: any;
  error?: { message: string };
}

/** Opens the only tab of a Chromium of its own. */
export async function openTab(browser: string): Promise<Tab> {
  const chromium = await startChromium(browser, ['--remote-debugging-pipe', 'about:blank']);
  const requests: string[] = [];
  const errors: string[] = [];
  const protocol = speak(chromium, ({ method, params }) => {
    if (method === 'Network.requestWillBeSent') requests.push(params.request.url);
    if (method === 'Runtime.exceptionThrown')
      errors.push(params.exceptionDetails.exception?.description ?? 'exception');
    if (method === 'Log.entryAdded' && params.entry.level === 'error') errors.push(params.entry.text);
  });
  const { targetInfos } = await protocol.send('Target.getTargets');
  const { targetId } = targetInfos.find(({ type }: { type: string }) => type === 'page');
  const { sessionId } = await protocol.send('Target.attachToTarget', { targetId, flatten: true });
  const send = (method: string, params: object = {}) => protocol.send(method, params, sessionId);
  for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await send(`${domain}.enable`);
  const evaluate = async <Result>(expression: string): Promise<Result> => {
    const parameters = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await send('Runtime.evaluate', parameters);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  const until = async (expression: string) => {
    const end = Date.now() + 60_000;
    while (!(await evaluate(`Boolean(${expression})`))) {
      if (Date.now() > end) throw new Error(`not true within 60 s: ${expression}`);
      await setTimeout(20);
    }
  };
  return {
    requests,
    errors,
    evaluate,
    until,
    click: async (selector) => {
      const element = `document.querySelector(${JSON.stringify(selector)})`;
      await until(`${element}?.checkVisibility()`);
      await evaluate(`${element}.click()`);
    },
    show: async (url) => {
      const loaded = protocol.next('Page.loadEventFired');
      await send('Page.navigate', { url });
      await loaded;
      await evaluate('document.fonts.ready.then(() => undefined)');
    },
    type: (text) => send('Input.insertText', { text }),
    view: async ({ width, height, scheme }) => {
      await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
      const features = [{ name: 'prefers-color-scheme', value: scheme }];
      await send('Emulation.setEmulatedMedia', { features });
    },
    picture: async (whole = false) => {
      const { data } = await send('Page.captureScreenshot', {
        format: 'png',
        captureBeyondViewport: whole,
        ...(whole && { clip: await clip(send) }),
      });
      return Buffer.from(data, 'base64');
    },
    close: chromium.close,
  };
}

type Send = (method: string, params?: object, sessionId?: string) => Promise<Message['result']>;

async function clip(send: Send) {
  const { cssContentSize } = await send('Page.getLayoutMetrics');
  return { ...cssContentSize, scale: 1 };
}

/** The protocol over the pipe: JSON messages, each with a zero byte at its end. */
function speak({ pipe: { to, from } }: Chromium, heard: (message: Message) => void) {
  const waiting = new Map<number, (message: Message) => void>();
  const once = new Map<string, () => void>();
  let rest = '';
  from.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\0');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const message = JSON.parse(part) as Message;
      if (message.id !== undefined) waiting.get(message.id)?.(message);
      if (message.method) once.get(message.method)?.();
      heard(message);
    }
  });
  let id = 0;
  const send: Send = (method, params = {}, sessionId) => {
    id += 1;
    const answer = new Promise<Message['result']>((resolve, reject) => {
      waiting.set(id, ({ result, error }) =>
        error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result),
      );
    });
    to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return answer;
  };
  const next = (method: string) => new Promise<void>((resolve) => once.set(method, resolve));
  return { send, next };
}
