/** The built pages, and the one-time links that sign people in. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AppDeps } from './app.ts';
import { SESSION_COOKIE } from './sessions.ts';

export async function addPageRoutes(app: FastifyInstance, { sessions, pages }: AppDeps): Promise<void> {
  // The link's fragment stays with the browser: it is not sent here, and the redirect keeps it.
  app.get('/sign-in/:link', (request, reply) => {
    const signedIn = sessions.signIn((request.params as { link: string }).link);
    if (!signedIn) return reply.redirect('/sign-in', 303);
    const secure = request.protocol === 'https';
    reply.setCookie(SESSION_COOKIE, signedIn.secret, { path: '/', httpOnly: true, sameSite: 'strict', secure });
    return reply.redirect(signedIn.who.role === 'patient' ? '/patient' : '/clinic', 303);
  });

  if (pages === undefined || !existsSync(join(pages, 'assets'))) return;
  await app.register(fastifyStatic, { root: join(pages, 'assets'), prefix: '/assets/', decorateReply: true });
  const page = (file: string) => (_request: FastifyRequest, reply: FastifyReply) => reply.sendFile(file, pages);
  const pageFor = (role: 'patient' | 'practitioner', file: string) => (request: FastifyRequest, reply: FastifyReply) =>
    sessions.identify(request)?.role === role ? reply.sendFile(file, pages) : reply.redirect('/sign-in', 303);
  app.get('/', (request, reply) => {
    const role = sessions.identify(request)?.role;
    return reply.redirect(role === 'patient' ? '/patient' : role === 'practitioner' ? '/clinic' : '/sign-in', 303);
  });
  app.get('/sign-in', page('sign-in.html'));
  app.get('/patient', pageFor('patient', 'patient.html'));
  app.get('/clinic', pageFor('practitioner', 'clinic.html'));
}
