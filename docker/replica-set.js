// Health check of the single-node replica set: initiates it the first time, then asks for a writable primary.
const NOT_YET_INITIALIZED = 94;

try {
  rs.status();
} catch (error) {
  if (error.code !== NOT_YET_INITIALIZED) throw error;
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "127.0.0.1:27017" }] });
}
quit(db.hello().isWritablePrimary ? 0 : 1);
