package policy

// Document is a policy and where its author wrote what.
type Document struct {
	Policy Policy
}

// Parse reads a document and returns the policy with every default filled in. The policy is of use only when the
// problems hold no error.
func Parse(data []byte) (Policy, Problems) {
	doc, problems := Read(data)
	return doc.Policy, problems
}

// Read is Parse for callers who also need to know what was written: Unenforced, Show.
func Read(data []byte) (Document, Problems) {
	return Document{Policy: Default()}, Problems{{Line: 1, Column: 1, Message: "reading is not built yet", Severity: SeverityError}}
}

// Load is what applying a document takes: Read and Unenforced together, in the order of lines.
func Load(data []byte) (Document, Problems) {
	doc, problems := Read(data)
	return doc, append(problems, doc.Unenforced()...).sorted()
}

// Unenforced lists the keys that were written and that this version does not enforce.
func (d Document) Unenforced() Problems { return nil }

// Written lists the keys that the document holds, in its order.
func (d Document) Written() []string { return nil }

// Show prints a policy with every default as a document that Read accepts.
func Show(p Policy, explicit ...string) []byte { return nil }
