/** What the agent asks the service over HTTP or HTTPS: a small JSON request, and the text of its answer. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Fault } from '../protocol/fault.ts';

/** Whom the agent trusts for TLS, and who it is there; PEM. It counts for MQTT as well. */
export interface AgentTls {
  /** Certificates of authorities in the place of those that come with Node. */
  readonly ca?: string;
  /** The agent's own certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
}

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_OCTETS = 1024 * 1024;

/** Throws `unavailable` (not reached, not trusted, or it failed), and `expired` or `not-permitted` where the service refuses. */
export async function post(url: URL, body: object, tls: AgentTls = {}): Promise<string> {
  const answer = await send(url, JSON.stringify(body), tls).catch((error: unknown) => {
    // The code only: a certificate that is not trusted is another matter than a service that is off.
    const { code } = error as NodeJS.ErrnoException;
    throw new Fault('unavailable', `cannot reach the service at ${url.origin}${code ? ` (${code})` : ''}`, 'later');
  });
  if (answer.status >= 200 && answer.status < 300) return answer.text;
  if (answer.status >= 500) throw new Fault('unavailable', `the service answered ${answer.status}`, 'later');
  const reason = refusalOf(answer.text);
  const isSpent = reason === 'expired' || answer.status === 410;
  throw new Fault(
    isSpent ? 'expired' : 'not-permitted',
    `the service refused (${reason ?? answer.status})${isSpent ? ': ask it for a new code' : ''}`,
  );
}

function send(url: URL, body: string, tls: AgentTls): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      agent: false,
      ...tls,
    } as const;
    const request = url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options);
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (text.length > MAX_ANSWER_OCTETS) response.destroy(new Error('an endless answer'));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.end(body);
  });
}

/** The fault code of a refusal, if it says one. */
function refusalOf(text: string): string | undefined {
  return /"(?:error|code)"\s*:\s*"([a-z-]{1,40})"/.exec(text)?.[1];
}
