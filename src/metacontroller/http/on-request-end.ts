import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Calls back once, when a request has ended: its response has been sent, or its connection is closed. A pipelined response
 * that waits for another one does not report a closed connection, so both are listened to.
 */
export function onRequestEnd(
  { raw: { socket } }: FastifyRequest,
  { raw: response }: FastifyReply,
  done: () => void,
): void {
  let hasEnded = false;
  const end = () => {
    if (hasEnded) return; // a response that closes while its socket does
    hasEnded = true;
    response.off('close', end);
    socket.off('close', end);
    done();
  };
  response.on('close', end);
  socket.on('close', end);
}
