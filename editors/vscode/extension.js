// Starts `bmtick lsp` and hands the editor's documents to it.
const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

exports.activate = () => {
  const command = workspace.getConfiguration("bmtick").get("command");
  client = new LanguageClient(
    "bmtick",
    "bmtick",
    { command, args: ["lsp"] },
    { documentSelector: [{ language: "tickscript" }] },
  );
  return client.start();
};

exports.deactivate = () => client && client.stop();
