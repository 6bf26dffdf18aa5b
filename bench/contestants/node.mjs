// What a sync costs at least in Node: a server that parses the request and writes a prepared response.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const content = readFileSync(process.env.RESPONSE ?? '', 'utf8');
const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(content) };

createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(chunks).toString());
    if (!body.parent) throw new Error('not a request of Metacontroller');
    response.writeHead(200, headers).end(content);
  });
}).listen(0, '127.0.0.1', function listening() {
  console.log(`listening on http://127.0.0.1:${this.address().port}`);
});
