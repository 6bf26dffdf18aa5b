import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Calls back once, when a request is over: its answer has been sent, or its connection is gone. A response that waits for
 * its turn behind another tells nothing of a connection that breaks, so both are listened to.
 */
export function whenOver({ raw: { socket } }: FastifyRequest, { raw: response }: FastifyReply, done: () => void): void {
  let isOver = false;
  const over = () => {
    if (isOver) return; // a response that closes while its socket does
    isOver = true;
    response.off('close', over);
    socket.off('close', over);
    done();
  };
  response.on('close', over);
  socket.on('close', over);
}
