package page

import "html/template"

// View is a page of one column: what most pages are. Every text in it is for reading as it is; the template escapes it.
type View struct {
	Title    string
	Back     *Link // to the page above this one, of which this one is a part
	Alert    *Alert
	Picture  *Picture
	Notice   string
	Lost     string // why nobody is led back
	Intro    []string
	Points   []Point
	Apart    *Link // opens in a new tab
	Forms    []Form
	Ways     []Link // ways on that are as good as the forms
	Links    []Link
	Continue string        // where browsers that run no scripts go at once
	Script   template.HTML // ours
}

// Alert says why something did not happen.
type Alert struct {
	Title string
	Items []Item // what to correct
}

// Item is one broken rule; Field is the id of the field it belongs to, "" for none.
type Item struct{ Text, Field string }

// Point is a cause, or what to do about it.
type Point struct{ Title, Text string }

// Link leads to an address.
type Link struct {
	To, Text string
	Logo     string // of whom it leads to: google, apple, facebook, github; "" or another one for none
}

// Picture is an image of ours; Text is what it shows, for whoever does not see it.
type Picture struct{ From, Text string }

// Form is one form.
type Form struct {
	ID     string
	Action string // "" for the page's own address: then the fragment of that outlives the redirect that follows
	Title  string // heading, where a page has several
	Intro  string
	Hidden []Hidden
	Fields []Field
	Button string
	Quiet  bool // not what the page is for
	Danger bool // it takes something away
	Upload bool // it has a field of type file
	// Scripted forms are filled in by a script of the page, and hidden until it runs.
	Scripted bool
	Decoy    *Decoy // nil: none
}

// Decoy is a field that only programs fill in: people do not see it, no screen reader reads it, and no key leads to it.
type Decoy struct{ Name, Label string }

// Hidden is a field that nobody sees.
type Hidden struct{ Name, Value string }

// Field is one line of a form.
type Field struct {
	ID           string
	Name         string
	Label        string
	Type         string // of an input; "lines" is a text of several, which is shown and not sent; "area" is one to write
	Value        string
	Accept       string // media types, of a field of type file
	Autocomplete string // WHATWG HTML §4.10.18.7.1
	InputMode    string
	Hint         string
	Optional     string // the word that says so; "" where it must be filled in
	MaxLength    int
	Choices      []Choice // one of them is chosen, and nothing typed; nil: any text
	ReadOnly     bool     // shown, and not sent
	Focus        bool
	Errors       []string
}

// Choice is one of the values of a field.
type Choice struct{ Value, Text string }

// Described returns the ids of what a screen reader reads with the field.
func (f Field) Described() string {
	ids := ""
	if f.Hint != "" {
		ids = f.ID + "-hint"
	}
	if len(f.Errors) > 0 {
		if ids != "" {
			ids += " "
		}
		ids += f.ID + "-error"
	}
	return ids
}
