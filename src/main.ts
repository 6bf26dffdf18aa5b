// What the image runs: the service, without the code of the command line, or, with arguments, the command line.
const program = process.argv.length > 2 ? './cli.js' : './server.js';
await import(program);

export {};
