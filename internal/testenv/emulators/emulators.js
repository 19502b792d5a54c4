// DynamoDB and Kinesis in one process, on loopback and free ports. Prints one line of JSON with their addresses and ends when standard
// input does: the process that started it is gone then.
process.on('uncaughtException', (err) => { // a client that leaves ends nobody else
  if (err.code !== 'ECONNRESET') { console.error(err); process.exit(1); }
});
const quick = { createTableMs: 10, deleteTableMs: 10, updateTableMs: 10, createStreamMs: 10, deleteStreamMs: 10, updateStreamMs: 10, shardLimit: 500 };
const dynamodb = require('dynalite')(quick);
const kinesis = require('kinesalite')(quick);
const address = (server) => `http://127.0.0.1:${server.address().port}`;
dynamodb.listen(0, '127.0.0.1', () => kinesis.listen(0, '127.0.0.1', () =>
  console.log(JSON.stringify({ dynamodb: address(dynamodb), kinesis: address(kinesis) }))));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
