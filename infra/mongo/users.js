// Creates the users of RoboMetrics, or gives existing ones their passwords anew.
//
// The services may read and write one database, and nothing else on the server. People
// who look with their own tools may only read it: a document changed by hand is a
// measurement that never happened.

const database = process.env.ROBOMETRICS_MONGO_DATABASE || "robometrics";
const target = db.getSiblingDB(database);

function password(variable) {
  const value = process.env[variable];
  if (!value) {
    throw new Error(`${variable} is not set`);
  }
  return value;
}

// All passwords are looked up first, so that a missing one changes nothing.
const users = [
  { user: "robometrics", pwd: password("MONGO_SERVICE_PASSWORD"), role: "readWrite" },
  { user: "robometrics-reader", pwd: password("MONGO_READER_PASSWORD"), role: "read" },
];

for (const { user, pwd, role } of users) {
  const granted = { pwd, roles: [{ role, db: database }] };
  if (target.getUser(user)) {
    target.updateUser(user, granted);
  } else {
    target.createUser({ user, ...granted });
  }
}
