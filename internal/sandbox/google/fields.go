package google

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// readFields are the paths that a personFields or readMask may name (people.get), in the order that etags count them.
var readFields = strings.Fields(`addresses ageRanges biographies birthdays calendarUrls clientData coverPhotos
	emailAddresses events externalIds genders imClients interests locales locations memberships metadata miscKeywords
	names nicknames occupations organizations phoneNumbers photos relations sipAddresses skills urls userDefined`)

// updateFields are the paths that updatePersonFields or updateMask may name (people.updateContact).
var updateFields = slices.DeleteFunc(slices.Clone(readFields), func(f string) bool {
	return slices.Contains([]string{"ageRanges", "coverPhotos", "metadata", "photos", "skills"}, f)
})

// singleFields hold one value in a contact; two are refused.
var singleFields = []string{"biographies", "birthdays", "genders", "names"}

// personIndex finds a Person's Go field by JSON name.
var personIndex = func() map[string]int {
	out := map[string]int{}
	t := reflect.TypeFor[Person]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out[name] = i
	}
	return out
}()

// visibleFields is reflect.VisibleFields, remembered: it is asked for every entry of every contact.
func visibleFields(t reflect.Type) []reflect.StructField {
	visible.Lock()
	defer visible.Unlock()
	if _, ok := visible.fields[t]; !ok {
		visible.fields[t] = reflect.VisibleFields(t)
	}
	return visible.fields[t]
}

var visible = struct {
	sync.Mutex
	fields map[reflect.Type][]reflect.StructField
}{fields: map[reflect.Type][]reflect.StructField{}}

// fieldOf is the list of entries that a person holds under a JSON name.
func fieldOf(p *Person, name string) reflect.Value {
	return reflect.ValueOf(p).Elem().Field(personIndex[name])
}

// entries calls f with a pointer to each entry of a person's field, as far as the field is one that contacts keep.
func entries(p *Person, name string, f func(i int, entry reflect.Value)) {
	list := fieldOf(p, name)
	if list.Kind() != reflect.Slice {
		return
	}
	for i := range list.Len() {
		f(i, list.Index(i).Addr())
	}
}

// copyFields sets the named fields of dst to what src has, which may be nothing.
func copyFields(dst, src *Person, names []string) {
	for _, n := range names {
		fieldOf(dst, n).Set(fieldOf(src, n))
	}
}

// clone is a deep copy, so that a version that was stored is never changed.
func (p *Person) clone() *Person {
	out := *p
	for _, name := range readFields {
		if list := fieldOf(&out, name); list.Kind() == reflect.Slice && list.Len() > 0 {
			list.Set(cloneSlice(list))
		}
	}
	return &out
}

// cloneSlice copies a list of entries and what their pointers point at.
func cloneSlice(list reflect.Value) reflect.Value {
	out := reflect.MakeSlice(list.Type(), list.Len(), list.Len())
	for i := range list.Len() {
		e := out.Index(i)
		e.Set(list.Index(i))
		for _, f := range visibleFields(e.Type()) {
			if p := e.FieldByIndex(f.Index); p.Kind() == reflect.Pointer && !p.IsNil() {
				q := reflect.New(p.Type().Elem())
				q.Elem().Set(p.Elem())
				p.Set(q)
			}
		}
	}
	return out
}

// parseMask reads a field mask of person fields. name is what the parameter is called, for the messages; required says
// that an empty mask is refused.
func parseMask(mask, name string, valid []string, required bool) ([]string, *apiError) {
	const docs = "Valid paths are documented at https://developers.google.com/people/api/rest/v1/people/get."
	var out []string
	for f := range strings.SplitSeq(mask, ",") {
		f = strings.TrimPrefix(camel(strings.TrimSpace(f)), "person.")
		if f == "" {
			continue
		}
		if !slices.Contains(valid, f) {
			return nil, invalid("Invalid %s mask path: %q. %s", name, f, docs)
		}
		out = append(out, f)
	}
	if required && len(out) == 0 {
		return nil, invalid("%s mask is required. Please specify one or more valid paths. %s", name, docs)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
