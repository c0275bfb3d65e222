// Writes the npm SDK of the schema on standard input into a folder, as `pulumi package add` does: the Node.js host that can be built does not.
package main

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

func main() {
	var spec schema.PackageSpec
	must(json.NewDecoder(os.Stdin).Decode(&spec))
	pkg, err := schema.ImportSpec(spec, nil, schema.NewNullLoader(), schema.ValidationOptions{})
	must(err)
	files, err := nodejs.GeneratePackage("tests", pkg, nil, nil, true, nil)
	must(err)
	for name, content := range files {
		path := filepath.Join(os.Args[1], name)
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		must(os.WriteFile(path, content, 0o644))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
